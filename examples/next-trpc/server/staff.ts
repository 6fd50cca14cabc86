import { randomBytes, timingSafeEqual } from 'node:crypto';

export interface Member {
  readonly id: string;
  readonly name: string;
}

const TOKEN_TTL_MS = 8 * 60 * 60 * 1000;
const MAX_TOKENS = 1000;

/** The one account of the demo, and it stands in the sign-in form already. A real app keeps password hashes. */
const DEMO = { id: 'dr.okafor', password: 'linden-garden', name: 'Dr. Ngozi Okafor' };

const tokens = new Map<string, { member: Member; expiresAt: number }>();

export function signIn(id: string, password: string): { token: string; member: Member } | undefined {
  const known = same(id, DEMO.id);
  if (!same(password, DEMO.password) || !known) return undefined;
  const token = randomBytes(24).toString('base64url');
  const member = { id: DEMO.id, name: DEMO.name };
  const [oldest] = tokens.keys();
  if (tokens.size >= MAX_TOKENS && oldest) tokens.delete(oldest);
  tokens.set(token, { member, expiresAt: Date.now() + TOKEN_TTL_MS });
  return { token, member };
}

export function signOut(token: string): void {
  tokens.delete(token);
}

export function memberOf(token: string): Member | undefined {
  const entry = tokens.get(token);
  return entry && entry.expiresAt > Date.now() ? entry.member : undefined;
}

function same(a: string, b: string): boolean {
  const given = Buffer.from(a);
  const wanted = Buffer.from(b);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}
