/**
 * A gateway on loopback in front of a Lambda function: HTTP comes in, the function gets the events that API
 * Gateway (payload formats 1.0 and 2.0) and function URLs make of it, and its results go out. Bodies that are
 * not text arrive as base64, cookies apart, headers joined, as AWS documents it.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Writable } from 'node:stream';
import type {
  APIGatewayProxyEvent,
  APIGatewayProxyEventV2,
  APIGatewayProxyResult,
  APIGatewayProxyStructuredResultV2,
  Context,
} from 'aws-lambda';
import { type Listening, listen } from '../support/listen.ts';

/** The stage of the REST API: in the path that clients see, not in the event's `path`. */
export const STAGE = '/prod';

type Incoming = IncomingMessage & { readonly bytes: Buffer };
const CONTEXT = { awsRequestId: 'test', functionName: 'test' } as Context;

function textOrBase64({ headers, bytes }: Incoming): { body: string | null; isBase64Encoded: boolean } {
  if (bytes.length === 0) return { body: null, isBase64Encoded: false };
  const isText = /^text\/|json/.test(headers['content-type'] ?? '');
  return { body: bytes.toString(isText ? 'utf8' : 'base64'), isBase64Encoded: !isText };
}

function joined(headers: IncomingMessage['headers']): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}

function eventV1(req: Incoming): APIGatewayProxyEvent {
  const url = new URL(req.url ?? '', 'http://gateway.test');
  const path = url.pathname.replace(STAGE, '');
  const query = Object.fromEntries(url.searchParams);
  const headers = joined(req.headers);
  return {
    ...textOrBase64(req),
    httpMethod: req.method ?? '',
    path,
    resource: '/api/{proxy+}',
    pathParameters: { proxy: path.replace('/api/', '') },
    headers,
    multiValueHeaders: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]])),
    queryStringParameters: url.search === '' ? null : query,
    multiValueQueryStringParameters:
      url.search === ''
        ? null
        : Object.fromEntries(Object.keys(query).map((name) => [name, url.searchParams.getAll(name)])),
    stageVariables: null,
    requestContext: { domainName: 'gateway.test', httpMethod: req.method, path: url.pathname, stage: 'prod' },
  } as unknown as APIGatewayProxyEvent;
}

function eventV2(req: Incoming): APIGatewayProxyEventV2 {
  const url = new URL(req.url ?? '', 'http://gateway.test');
  const { cookie, ...headers } = joined(req.headers);
  const { body, isBase64Encoded } = textOrBase64(req);
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath: url.pathname,
    rawQueryString: url.search.slice(1),
    headers,
    ...(cookie !== undefined && { cookies: cookie.split('; ') }),
    ...(body !== null && { body }),
    isBase64Encoded,
    requestContext: {
      domainName: 'gateway.test',
      http: { method: req.method, path: url.pathname, protocol: 'HTTP/1.1', sourceIp: '127.0.0.1' },
      stage: '$default',
    },
  } as unknown as APIGatewayProxyEventV2;
}

/** A server that hands each whole request to `answer`. */
function gateway(answer: (req: Incoming, res: ServerResponse) => Promise<void>): Promise<Listening> {
  return listen(
    createServer((req, res) => {
      const chunks: Buffer[] = [];
      req.on('data', (chunk: Buffer) => chunks.push(chunk));
      req.on('end', () => {
        answer(Object.assign(req, { bytes: Buffer.concat(chunks) }), res).catch(() => {
          if (!res.headersSent) res.statusCode = 502;
          res.end();
        });
      });
    }),
  );
}

function sendResult(
  res: ServerResponse,
  { statusCode = 200, headers = {}, body = '', isBase64Encoded }: APIGatewayProxyStructuredResultV2,
  cookies: readonly string[] = [],
): void {
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, String(value));
  if (cookies.length > 0) res.setHeader('set-cookie', cookies);
  res.statusCode = statusCode;
  res.end(Buffer.from(body, isBase64Encoded === true ? 'base64' : 'utf8'));
}

type Handler<Event, Result> = (event: Event, context: Context) => Promise<Result>;

/** API Gateway's REST API. */
export function restApi(handler: Handler<APIGatewayProxyEvent, APIGatewayProxyResult>): Promise<Listening> {
  return gateway(async (req, res) => {
    const { multiValueHeaders, ...result } = await handler(eventV1(req), CONTEXT);
    sendResult(res, result, multiValueHeaders?.['set-cookie']?.map(String));
  });
}

/** API Gateway's HTTP API. */
export function httpApi(
  handler: Handler<APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2>,
): Promise<Listening> {
  return gateway(async (req, res) => {
    const result = await handler(eventV2(req), CONTEXT);
    sendResult(res, result, result.cookies);
  });
}

interface Prelude {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly cookies: readonly string[];
}

/** What the stream was given with `from`, until its first write. */
const preludes = new WeakMap<Writable, Prelude>();

/** The runtime's global: as there, the prelude leaves with the first write, and not without one. */
export const awslambda = {
  HttpResponseStream: {
    from(stream: Writable, prelude: Prelude): Writable {
      preludes.set(stream, prelude);
      return stream;
    },
  },
};

/** A function URL with the invoke mode RESPONSE_STREAM. */
export function functionUrl(
  handler: (event: APIGatewayProxyEventV2, stream: never, context: Context) => Promise<void>,
): Promise<Listening> {
  return gateway(async (req, res) => {
    const stream: Writable = new Writable({
      write(chunk: Buffer, _encoding, done) {
        const prelude = preludes.get(stream);
        if (prelude !== undefined && !res.headersSent) {
          res.writeHead(prelude.statusCode, { ...prelude.headers, 'set-cookie': [...prelude.cookies] });
        }
        if (chunk.length === 0 || res.write(chunk)) done();
        else res.once('drain', done);
      },
      final(done) {
        res.end(done);
      },
    });
    res.once('close', () => stream.destroy());
    await handler(eventV2(req), stream as never, CONTEXT);
  });
}
