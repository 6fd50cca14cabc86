/**
 * Failures of the sealed channel as tRPC's callers know errors: a TRPCClientError whose `cause` is the
 * NenError and whose `data.code` is the tRPC code, where there is one for it.
 */
import { TRPCClientError } from '@trpc/client';
import { NenError, type NenErrorCode } from '../protocol/errors.ts';
import type { Fetch } from './client/fetch.ts';

/** tRPC's name, JSON-RPC number and HTTP status for a code. */
type TRPCCode = readonly [name: string, number: number, httpStatus: number];

const BAD_REQUEST: TRPCCode = ['BAD_REQUEST', -32600, 400];
const UNAUTHORIZED: TRPCCode = ['UNAUTHORIZED', -32001, 401];
const FORBIDDEN: TRPCCode = ['FORBIDDEN', -32003, 403];
const CONFLICT: TRPCCode = ['CONFLICT', -32009, 409];

const TRPC_CODES: { readonly [Code in NenErrorCode]?: TRPCCode } = {
  'ISO-1005': FORBIDDEN,
  'ISO-1008': ['TOO_MANY_REQUESTS', -32029, 429],
  'ISO-2001': UNAUTHORIZED,
  'ISO-2002': UNAUTHORIZED,
  'ISO-2003': ['SERVICE_UNAVAILABLE', -32603, 503],
  'ISO-3001': UNAUTHORIZED,
  'ISO-3002': UNAUTHORIZED,
  'ISO-3003': UNAUTHORIZED,
  'ISO-3007': FORBIDDEN,
  'ISO-4001': BAD_REQUEST,
  'ISO-4002': BAD_REQUEST,
  'ISO-4003': ['PAYLOAD_TOO_LARGE', -32013, 413],
  'ISO-4006': BAD_REQUEST,
  'ISO-4007': BAD_REQUEST,
  'ISO-5001': CONFLICT,
  'ISO-5002': CONFLICT,
};

/** What tRPC's links let through untouched. Anything that is not ours stays as it is. */
export function toTRPCError(error: unknown): unknown {
  if (!(error instanceof NenError)) return error;
  const known = TRPC_CODES[error.code];
  if (known === undefined) return new TRPCClientError(error.message, { cause: error });
  const [code, number, httpStatus] = known;
  const shape = { message: error.message, code: number, data: { code, httpStatus } };
  return new TRPCClientError(error.message, { cause: error, result: { error: shape } });
}

/** The fetch, with its failures as tRPC's errors. */
export function throwingTRPCErrors(fetch: Fetch): Fetch {
  return async (input, init) => {
    try {
      return await fetch(input, init);
    } catch (error) {
      throw toTRPCError(error);
    }
  };
}
