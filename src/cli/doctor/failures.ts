/** Why a call of the doctor's failed, as far as the client's error and the outer answer tell. */
import { describeNenCode } from '../../protocol/catalogue.ts';
import { CONTENT_TYPE_JSON } from '../../protocol/constants.ts';
import { NenError, type NenErrorCode } from '../../protocol/errors.ts';
import { type Finding, found } from './finding.ts';
import type { OuterAnswer, Patient } from './patient.ts';

export function handshakeFailed({ outer, options }: Patient, error: unknown): Finding {
  const failure = NenError.from(error);
  if (outer === undefined) return unreachable(options.nenUrl, error);
  // Not every NenError's text is ours to show: what the server refused with, is.
  if (failure === undefined) throw error;
  if (failure.code !== 'ISO-1007') {
    const why = failure.hint === undefined ? '' : ` (${failure.hint})`;
    return found('handshake', codeText(failure.code) + why, describeNenCode(failure.code).fix);
  }
  return found('handshake', answerText(outer), handshakeAdvice(outer, options.nenUrl));
}

function handshakeAdvice({ status, headers }: OuterAnswer, nenUrl: string): string {
  const { pathname } = new URL(`${nenUrl}/handshake`);
  if (status >= 300 && status < 400) {
    return `Name the address that it leads to: ${headers.get('location') ?? 'it does not say which'}.`;
  }
  const isPage = status === 200 && headers.get('content-type')?.startsWith(CONTENT_TYPE_JSON) !== true;
  if (status === 404 || status === 405 || isPage) {
    return `Mount nen.routes there, or name their place with --nen-url; does a proxy rewrite POST ${pathname}?`;
  }
  if (status === 415) return 'Let the header Content-Type: application/json pass.';
  if (status === 200) return describeNenCode('ISO-1007').fix;
  if (status >= 500)
    return "Look into the server's log; if it has nothing, into that of what stands in front.";
  return `Something in front answers in the server's place (a login page, a firewall): let POST ${pathname} pass.`;
}

export function sealedCallFailed({ outer, options }: Patient, error: unknown): Finding {
  const failure = NenError.from(error);
  if (failure === undefined || (outer === undefined && failure.code === 'ISO-4005'))
    return unreachable(options.nenUrl, error);
  const { code } = failure;
  const [subject, fix] = REFUSALS[code] ?? ['sealed calls', undefined];
  const isStranger = code === 'ISO-4005' && outer !== undefined;
  return found(subject, isStranger ? answerText(outer) : codeText(code), fix ?? describeNenCode(code).fix);
}

const PASS_HEADERS =
  'Let every X-Nen-* header pass unchanged, in requests and in answers (nginx: underscores and long headers; gateways: their lists of allowed headers).';

/** What the refusal of a call that was in order tells of the way: on what, and what to do. */
const REFUSALS: { readonly [Code in NenErrorCode]?: readonly [subject: string, todo?: string] } = {
  'ISO-2001': ['X-Nen headers', PASS_HEADERS],
  'ISO-2002': ['session'],
  'ISO-3001': ['X-Nen headers', PASS_HEADERS],
  'ISO-3002': [
    'path',
    'Something rewrites the path or the method. If it removes a prefix, name that as `mountPath` of createNen; if it decodes, merges slashes or maps one path to another, turn that off for the paths of trpc-nen.',
  ],
  'ISO-3003': ['clock'],
  'ISO-3004': ['X-Nen headers', PASS_HEADERS],
  'ISO-3005': ['X-Nen headers', PASS_HEADERS],
  'ISO-3006': ['X-Nen headers', PASS_HEADERS],
  'ISO-4001': ['query'],
  'ISO-4002': ['X-Nen headers', PASS_HEADERS],
  'ISO-4005': [
    'answers',
    `Something in front answers in the server's place, or takes X-Nen-* headers out of answers. ${PASS_HEADERS}`,
  ],
  'ISO-6001': ['streams'],
  'ISO-6002': ['streams'],
  'ISO-6003': ['streams'],
  'ISO-6004': ['streams'],
};

function codeText(code: NenErrorCode): string {
  const { title } = describeNenCode(code);
  return `${code}: ${title}`;
}

function answerText({ status, headers }: OuterAnswer): string {
  const type = headers.get('content-type');
  return `answered ${status}${type === null ? '' : ` with ${type}`}, which is no answer of trpc-nen`;
}

function unreachable(nenUrl: string, error: unknown): Finding {
  return found('connection', `no answer: ${reasonOf(error)}`, `Does ${nenUrl} reach the server from here?`);
}

/** The innermost cause: what the network said, such as ECONNREFUSED. */
function reasonOf(error: unknown): string {
  let at: unknown = error;
  while (at instanceof Error && at.cause !== undefined) at = at.cause;
  const code = at instanceof Error ? Reflect.get(at, 'code') : undefined;
  if (typeof code === 'string') return code;
  if (at instanceof NenError) return at.hint ?? at.message;
  return at instanceof Error && at.message !== '' ? at.message : 'for a reason unknown';
}
