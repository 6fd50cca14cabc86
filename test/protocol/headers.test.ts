/** Every header name has one owner. */
import { describe, expect, it } from 'vitest';
import { isAnswerOutside, isFraming, isOwnedByWay } from '../../src/protocol/headers.ts';

const NONE: ReadonlySet<string> = new Set();

describe('a request header', () => {
  it.each([
    'host',
    'origin',
    'referer',
    'user-agent',
    'sec-fetch-site',
    'sec-ch-ua',
    'forwarded',
    'x-forwarded-for',
    'x-forwarded-host',
    'x-real-ip',
    'true-client-ip',
    'via',
    'cf-connecting-ip',
    'cf-access-jwt-assertion',
    'x-vercel-ip-country',
    'fly-client-ip',
    'x-amz-cf-id',
    'x-amzn-oidc-identity',
    'x-goog-iap-jwt-assertion',
    'x-azure-clientip',
    'x-ms-client-principal',
    'x-ms-client-principal-id',
    'x-envoy-external-address',
    'x-auth-request-user',
    'x-remote-user',
    'remote-user',
    'x-ssl-client-verify',
    'ssl-client-cert',
    'x-client-cert',
    'x-middleware-subrequest',
    'x-nextjs-data',
  ])('%s is taken from the way alone', (name) => {
    expect(isOwnedByWay(name, NONE)).toBe(true);
  });

  it.each([
    'authorization',
    'content-type',
    'cookie',
    'accept',
    'accept-language',
    'x-trpc-source',
    'trpc-accept',
    'last-event-id',
    'x-request-id',
    'x-hosted',
    'hostess',
    'viaduct',
    'section',
    'x-cf-x',
    'remotely',
  ])('%s is taken from inside alone', (name) => {
    expect(isOwnedByWay(name, NONE)).toBe(false);
    expect(isFraming(name)).toBe(false);
  });

  it('that a deployment adds to the list belongs to the way', () => {
    expect(isOwnedByWay('x-tenant', new Set(['x-tenant']))).toBe(true);
  });

  it.each([
    'connection',
    'keep-alive',
    'proxy-authenticate',
    'proxy-authorization',
    'te',
    'trailer',
    'transfer-encoding',
    'upgrade',
    'content-length',
    'expect',
    'x-nen-session',
    'x-nen-tag',
    'x-nen-anything',
  ])('%s is in no inner message', (name) => {
    expect(isFraming(name)).toBe(true);
  });
});

describe('an answer header', () => {
  it.each(['set-cookie', 'access-control-allow-origin', 'access-control-expose-headers'])(
    '%s goes outside',
    (name) => {
      expect(isAnswerOutside(name)).toBe(true);
    },
  );

  it.each([
    'content-type',
    'location',
    'etag',
    'cache-control',
    'vary',
    'x-should-retry',
    'set-cookie2',
    'cookie',
  ])('%s goes inside', (name) => {
    expect(isAnswerOutside(name)).toBe(false);
  });
});
