/** AWS Lambda behind API Gateway's REST and HTTP APIs, and behind a function URL that streams. */
import type { APIGatewayProxyEvent, APIGatewayProxyEventV2 } from 'aws-lambda';
import { afterAll, beforeAll, vi } from 'vitest';
import { awsLambdaRequestHandler, awsLambdaStreamingRequestHandler } from '../../src/adapter/aws-lambda.ts';
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
