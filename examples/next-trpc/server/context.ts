import type { NenSession } from 'trpc-nen/adapter';
import { nen } from '../lib/nen';
import { type Member, memberOf } from './staff';

export interface Context {
  nen: NenSession | undefined;
  token: string;
  member: Member | undefined;
}

/** `req` is the opened request: its authorization header came from inside the seal. */
export function createContext({ req }: { req: Request }): Context {
  const token = /^Bearer (\S+)$/.exec(req.headers.get('authorization') ?? '')?.[1] ?? '';
  return { nen: nen.session(req), token, member: memberOf(token) };
}

/** For server rendering: no seal, and nobody is signed in. */
export function createServerContext(): Context {
  return { nen: undefined, token: '', member: undefined };
}
