/** What a createContext of tRPC's adapters for Node makes of the framework's req and res. */
import type { App, Given } from './app.ts';

export interface Asked {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
}
export interface Answering {
  setHeader(name: string, value: string): unknown;
  end(body: string): unknown;
}

export function given({ nen }: App, req: Asked, res: Answering): Given {
  return {
    nen: nen.session(req),
    method: req.method,
    url: req.url,
    header: (name) => req.headers[name],
    setHeader: (name, value) => res.setHeader(name, value),
    send: () => res.end('past the seal'),
  };
}
