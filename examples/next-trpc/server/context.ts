import { type Member, memberOf } from './staff';

export interface Context {
  token: string;
  member: Member | undefined;
}

/** `req` is the opened request: its authorization header came from inside the seal. */
export function createContext({ req }: { req: Request }): Context {
  const token = /^Bearer (\S+)$/.exec(req.headers.get('authorization') ?? '')?.[1] ?? '';
  return { token, member: memberOf(token) };
}

/** For server rendering: nobody is signed in. */
export function createServerContext(): Context {
  return { token: '', member: undefined };
}
