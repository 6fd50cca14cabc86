/** AWS Lambda behind API Gateway's REST and HTTP APIs, and behind a function URL that streams. */
import { initTRPC } from '@trpc/server';
import type { APIGatewayProxyEvent, APIGatewayProxyEventV2 } from 'aws-lambda';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { awsLambdaRequestHandler, awsLambdaStreamingRequestHandler } from '../../src/adapter/aws-lambda.ts';
import { createNen, InMemorySessionStore } from '../../src/adapter/index.ts';
import { NenClient, type Transport } from '../../src/link/index.ts';
import type { App, AppContext } from './app.ts';
import { awslambda, functionUrl, httpApi, restApi, STAGE } from './gateway.ts';
import { serverSuite } from './suite.ts';

beforeAll(() => void vi.stubGlobal('awslambda', awslambda));
afterAll(() => void vi.unstubAllGlobals());

function contextV2(app: App, event: APIGatewayProxyEventV2): AppContext {
  return app.context({
    nen: app.nen.session(event),
    method: event.requestContext.http.method,
    url: `${event.rawPath}?${event.rawQueryString}`,
    header: (name) => event.headers[name],
    setHeader: undefined,
    send: undefined,
  });
}

serverSuite({
  name: 'Lambda behind a REST API (payload format 1.0)',
  ...{ octets: true, streams: false, maxBodySize: false },
  base: `${STAGE}/api`,
  start: (app) =>
    restApi(
      awsLambdaRequestHandler<typeof app.router, APIGatewayProxyEvent>({
        nen: app.nen,
        router: app.router,
        createContext: ({ event }) =>
          app.context({
            nen: app.nen.session(event),
            method: event.httpMethod,
            url: `${event.path}?${new URLSearchParams(event.queryStringParameters as Record<string, string>).toString()}`,
            header: (name) => event.headers[name],
            setHeader: undefined,
            send: undefined,
          }),
      }),
    ),
});

serverSuite({
  name: 'Lambda behind an HTTP API (payload format 2.0)',
  ...{ octets: true, streams: false, maxBodySize: false },
  start: (app) =>
    httpApi(
      awsLambdaRequestHandler<typeof app.router, APIGatewayProxyEventV2>({
        nen: app.nen,
        router: app.router,
        createContext: ({ event }) => contextV2(app, event),
      }),
    ),
});

serverSuite({
  name: 'Lambda that streams, behind a function URL',
  ...{ octets: true, streams: true, maxBodySize: false },
  aborts: false,
  start: (app) =>
    functionUrl(
      awsLambdaStreamingRequestHandler<typeof app.router, APIGatewayProxyEventV2>({
        nen: app.nen,
        router: app.router,
        createContext: ({ event }) => contextV2(app, event),
      }),
    ),
});

/** A function, and what carries calls to it as events, which `alter` writes anew. */
function bareFunction(alter: (event: APIGatewayProxyEventV2) => object) {
  const ran: string[] = [];
  const t = initTRPC.create();
  const handler = awsLambdaRequestHandler<ReturnType<typeof t.router>, APIGatewayProxyEventV2>({
    nen: createNen({ store: new InMemorySessionStore(), plain: 'allow', onEvent: () => undefined }),
    router: t.router({ read: t.procedure.query(() => ran.push('read')) }),
  });
  const transport: Transport = async (url, { method, headers, body }) => {
    const { pathname, search } = new URL(url);
    const event = {
      version: '2.0',
      rawPath: pathname,
      rawQueryString: search.slice(1),
      headers,
      ...(body !== null && { body: Buffer.from(body).toString('base64'), isBase64Encoded: true }),
      requestContext: { domainName: 'gateway.test', http: { method, path: pathname } },
    } as unknown as APIGatewayProxyEventV2;
    const altered = pathname.startsWith('/api/nen/') ? event : alter(event);
    const result = await handler(altered as APIGatewayProxyEventV2, {} as never);
    const {
      statusCode,
      headers: answered,
      body: text,
    } = result as {
      readonly statusCode: number;
      readonly headers: Record<string, string>;
      readonly body: string;
    };
    return new Response(text, { status: statusCode, headers: answered });
  };
  return { ran, transport };
}

const READ = '/api/trpc/read';

it.each([
  ['no change', (path: string) => path, ['read']],
  ['dot segments', (path: string) => `/api/pay/../..${path}`, []],
  ['encoded dot segments', (path: string) => `/api/pay/%2e%2e/%2E%2E${path}`, []],
  ['backslashes', (path: string) => `/api/pay/..\\..${path.replaceAll('/', '\\')}`, []],
])('row 30: a sealed call that was moved by %s comes to no other function', async (_, move, expected) => {
  const { ran, transport } = bareFunction((event) => ({ ...event, rawPath: move(event.rawPath) }));
  const client = new NenClient('https://gateway.test', { fetch: transport });
  await client
    .tunnel('/api/trpc')(READ)
    .catch(() => undefined);
  expect(ran).toEqual(expected);
});

it('takes a path that the gateway has decoded, and answers 400 for what makes no request', async () => {
  const statusOf = async (change: Partial<APIGatewayProxyEventV2>): Promise<number> => {
    const { transport } = bareFunction((event) => ({ ...event, ...change }));
    const init = { method: 'GET', headers: {}, body: null, signal: null, redirect: 'manual' } as const;
    return (await transport(`https://gateway.test${READ}`, init)).status;
  };
  const post = { domainName: 'gateway.test', http: { method: 'POST', path: READ } };
  const trace = { domainName: 'gateway.test', http: { method: 'TRACE', path: READ } };
  expect(await statusOf({})).toBe(200);
  expect(await statusOf({ rawPath: '/ein pfäd/trpc/read' })).toBe(200);
  for (const change of [
    { rawPath: '/api/x/../trpc/read' },
    { headers: { 'x-outside-of-latin1': '€' } },
    { headers: { 'no name': 'x' } },
    { requestContext: post, body: 'no base64!', isBase64Encoded: true },
    { requestContext: trace },
  ] as Partial<APIGatewayProxyEventV2>[])
    expect(await statusOf(change), JSON.stringify(change)).toBe(400);
});
