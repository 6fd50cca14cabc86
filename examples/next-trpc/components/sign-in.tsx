'use client';

import { useMutation } from '@tanstack/react-query';
import { type SubmitEvent, useState } from 'react';
import { setSession } from '@/lib/session';
import { useTRPC } from '@/trpc/client';
import { watchWords } from '@/wire/words';
import { Card } from './card';
import form from './form.module.css';

/** The login is a mutation like any other: name, password and the token it gives back travel sealed. */
export function SignIn() {
  const [user, setUser] = useState('dr.okafor');
  const [password, setPassword] = useState('linden-garden');
  const signIn = useMutation(
    useTRPC().auth.signIn.mutationOptions({
      onSuccess: (session) => {
        watchWords(`${session.token} ${session.name}`);
        setSession(session);
      },
    }),
  );

  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault();
    watchWords(`${user} ${password}`);
    signIn.mutate({ user, password });
  }

  return (
    <Card title="Sign in to read the notes" way="sealed">
      <form className={form.form} onSubmit={submit}>
        <div className={form.row}>
          <label className={form.field}>
            User
            <input
              value={user}
              onChange={(event) => setUser(event.target.value)}
              autoComplete="username"
              required
            />
          </label>
          <label className={form.field}>
            Password
            <input
              type="password"
              value={password}
              onChange={(event) => setPassword(event.target.value)}
              autoComplete="current-password"
              required
            />
          </label>
        </div>
        {signIn.error && (
          <p className={form.error} role="alert">
            {signIn.error.message}
          </p>
        )}
        <div className={form.actions}>
          <button className={form.button} type="submit" disabled={signIn.isPending}>
            Sign in
          </button>
          <p className={form.hint}>A demo account, filled in for you.</p>
        </div>
      </form>
    </Card>
  );
}
