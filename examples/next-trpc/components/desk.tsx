'use client';

import { useSession } from '@/lib/session';
import { Assistant } from './assistant';
import { Notes } from './notes';
import { SignIn } from './sign-in';
import { SignedIn } from './signed-in';

/** The staff's side: the sign-in, and behind it the notes and the assistant. */
export function Desk() {
  const session = useSession();
  if (!session) return <SignIn />;
  return (
    <>
      <SignedIn name={session.name} />
      <Notes />
      <Assistant />
    </>
  );
}
