// Exchange of the API token for a bearer token, and its refresh. The same in both Neptunes.

import { ConsumerError, type HttpClient, type StreamingResponse } from '../http/client.ts';
import { ExporterError } from '../model/errors.ts';
import { asObject, asText, parseJson } from './json.ts';
import type { ApiToken } from './token.ts';

/** A token is renewed when it has less than this left (rule of the official client), or half its life if that is less. */
const MARGIN_MS = 30_000;
/** How long a refresh may take: the token can be had by an exchange, too. */
const REFRESH_MS = 5_000;
/** How long the first exchange is tried. */
const FIRST_CONTACT_MS = 15_000;
/** Answers that are none after which the server counts as another's. */
const FEW_TRIES = 3;

interface Session {
  accessToken: string;
  refreshToken: string;
  /** By `performance.now()`; undefined if the token doesn't tell. */
  renewAt: number | undefined;
  clientId: string | undefined;
  issuer: string | undefined;
}

/** Hands out bearer tokens. Many callers may ask at once: they share one exchange. */
export class Authenticator {
  readonly #http: HttpClient;
  readonly #token: ApiToken;
  readonly #exchangeUrl: string;
  #deadIssuer: string | undefined;
  #session: Session | undefined;
  #renewal: Promise<Session> | undefined;

  /** @param exchangeUrl where API tokens are exchanged, if not where Neptune 3 has it */
  constructor(
    http: HttpClient,
    token: ApiToken,
    exchangeUrl = `${token.address}/api/backend/v1/authorization/oauth-token`,
  ) {
    this.#http = http;
    this.#token = token;
    this.#exchangeUrl = exchangeUrl;
  }

  /**
   * A bearer token that is good for at least some seconds.
   * @param refused a token that the server has just refused: then a new one is fetched, once for all callers
   * @throws ExporterError `token_refused`, `wrong_server`, `network`, `server`
   */
  async bearer(refused?: string): Promise<string> {
    const session = this.#session;
    const fresh = session && (session.renewAt === undefined || performance.now() < session.renewAt);
    if (session && fresh && session.accessToken !== refused) return session.accessToken;
    this.#renewal ??= this.#renew(session).finally(() => {
      this.#renewal = undefined;
    });
    return (await this.#renewal).accessToken;
  }

  async #renew(old: Session | undefined): Promise<Session> {
    const session = (old && (await this.#refresh(old))) ?? (await this.#exchange());
    this.#session = session;
    return session;
  }

  async #exchange(): Promise<Session> {
    const { status, tokens } = await this.#http.stream(
      {
        method: 'GET',
        url: this.#exchangeUrl,
        headers: { 'x-neptune-api-token': this.#token.text, accept: 'application/json' },
        // At the very start a wrong address is likelier than a passing fault: say so soon.
        ...(this.#session ? {} : { retry: { budgetMs: Math.min(FIRST_CONTACT_MS, this.#http.budgetMs) } }),
      },
      fewTries(this.#token.address, tokensOf),
    );
    if (status === 401 || status === 403 || status === 400) {
      throw new ExporterError(
        'token_refused',
        `The server ${this.#token.address} refuses the API token (HTTP ${status}).`,
        {
          hint: 'Is it from this Neptune, and still valid? Create a new one there.',
          status,
        },
      );
    }
    if (!tokens) throw noNeptune(this.#token.address, `it answers HTTP ${status} to the token exchange`);
    return session(tokens.access, tokens.refresh);
  }

  /** Undefined if the server won't refresh: then the API token is exchanged again. */
  async #refresh(old: Session): Promise<Session | undefined> {
    if (!old.issuer || !old.clientId || old.issuer === this.#deadIssuer) return undefined;
    if (!URL.canParse(old.issuer)) return undefined;
    const secondsLeft = old.renewAt === undefined ? 0 : (old.renewAt - performance.now()) / 1000;
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: old.refreshToken,
      client_id: old.clientId,
      expires_in: String(secondsLeft),
    });
    const answered = await this.#http
      .request({
        method: 'POST',
        url: `${old.issuer}/protocol/openid-connect/token`,
        headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
        body: form.toString(),
        retry: { budgetMs: Math.min(REFRESH_MS, this.#http.budgetMs), minTries: 1 },
        timeoutMs: REFRESH_MS,
      })
      .catch((error: unknown) => {
        if (error instanceof ExporterError && error.code !== 'interrupted') return undefined;
        throw error;
      });
    // One that doesn't answer would cost every renewal this time.
    if (answered === undefined) this.#deadIssuer = old.issuer;
    if (answered?.status !== 200) return undefined;
    try {
      const answer = asObject(parseJson(answered.body));
      return session(asText(answer.access_token, 'access_token'), asText(answer.refresh_token, 'refresh_token'));
    } catch {
      return undefined;
    }
  }
}

interface Tokens {
  access: string;
  refresh: string;
}

/** Undefined if the server refuses. @throws ExporterError `bad_answer` for an answer that is none */
async function tokensOf({ status, body }: StreamingResponse): Promise<{ status: number; tokens: Tokens | undefined }> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  if (status >= 300 && status !== 304) return { status, tokens: undefined };
  const { accessToken, refreshToken } = asObject(parseJson(Buffer.concat(chunks)));
  const tokens = { access: asText(accessToken, 'accessToken'), refresh: asText(refreshToken, 'refreshToken') };
  return { status, tokens };
}

/** Something on the way may garble an answer once or twice; what does so always is no Neptune. */
function fewTries<T>(address: string, read: (response: StreamingResponse) => Promise<T>) {
  let bad = 0;
  return async (response: StreamingResponse): Promise<T> => {
    try {
      return await read(response);
    } catch (error) {
      if (!(error instanceof ExporterError) || ++bad < FEW_TRIES) throw error;
      const why = `its answer to the token exchange is none (${error.message.replace(/\.$/, '')})`;
      throw new ConsumerError(noNeptune(address, why, error));
    }
  };
}

function noNeptune(address: string, why: string, cause?: unknown): ExporterError {
  return new ExporterError('wrong_server', `${address} does not look like a Neptune server: ${why}.`, {
    hint: 'Check the address in the API token, and whether a proxy stands in between.',
    cause,
  });
}

/** Reads the claims of the JWT; its signature is the server's business. */
function session(accessToken: string, refreshToken: string): Session {
  let claims: Record<string, unknown> = {};
  try {
    claims = asObject(parseJson(Buffer.from(accessToken.split('.')[1] ?? '', 'base64url')));
  } catch {
    // A token that isn't a JWT tells nothing about its end: it is used until the server refuses it.
  }
  const { exp, iat, azp, iss } = claims;
  // The server's clock may differ from ours: the token's own life counts, from now on.
  const life =
    typeof exp === 'number' ? (typeof iat === 'number' ? exp * 1000 - iat * 1000 : exp * 1000 - Date.now()) : undefined;
  return {
    accessToken,
    refreshToken,
    renewAt: life === undefined ? undefined : performance.now() + life - Math.min(MARGIN_MS, Math.max(0, life) / 2),
    clientId: typeof azp === 'string' ? azp : undefined,
    issuer: typeof iss === 'string' ? iss.replace(/\/+$/, '') : undefined,
  };
}
