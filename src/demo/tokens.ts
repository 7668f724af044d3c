// API token, access tokens and refresh tokens of a demo server. Nothing is kept per token: they are signed.

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { type Answer, jsonAnswer } from './answer.ts';
import { Refusal, unauthorized } from './refusal.ts';

const CLIENT_ID = 'neptune-cli';
const ISSUER_PATH = '/auth/realms/neptune';
/** Path of the refresh endpoint, as OpenID Connect places it below the issuer. */
export const REFRESH_PATH = refreshPathOf(ISSUER_PATH);

export interface TokenOptions {
  /** Address that the API token names. */
  url: string;
  /** Lifetime of access tokens. */
  seconds: number;
  /** Address of the issuer that access tokens name. @default the URL's default realm */
  issuer?: string;
  /** `errorType` of the answer for a token that was good once. @default UNAUTHORIZED */
  expiredError?: string;
}

export function refreshPathOf(issuerPath: string): string {
  return `${issuerPath}/protocol/openid-connect/token`;
}

type Kind = 'Bearer' | 'Refresh';

export class Tokens {
  /** What a user puts into NEPTUNE_API_TOKEN. */
  readonly apiToken: string;
  readonly #issuer: string;
  readonly #lifetime: number;
  readonly #expiredError: string;
  readonly #secret = randomBytes(32);
  /** Tokens of an older generation are refused. */
  readonly #generation: Record<Kind, number> = { Bearer: 0, Refresh: 0 };

  constructor({ url, seconds, issuer, expiredError }: TokenOptions) {
    this.#issuer = issuer ?? `${url}${ISSUER_PATH}`;
    this.#lifetime = seconds;
    this.#expiredError = expiredError ?? 'UNAUTHORIZED';
    const fields = { api_address: url, api_url: url, api_key: 'demo' };
    this.apiToken = Buffer.from(JSON.stringify(fields)).toString('base64');
  }

  /** Refuses from now on all access tokens that were given out, and the refresh tokens, too, if told so. */
  revoke(refreshTokensToo: boolean): void {
    this.#generation.Bearer++;
    if (refreshTokensToo) this.#generation.Refresh++;
  }

  /** Answers the exchange of an API token. @throws Refusal 401 */
  exchange(apiToken: string | undefined): Answer {
    if (apiToken !== this.apiToken) throw unauthorized('The API token is unknown.');
    return jsonAnswer({ accessToken: this.#issue('Bearer'), refreshToken: this.#issue('Refresh'), username: 'demo' });
  }

  /** Answers a refresh (OpenID Connect, form body). */
  refresh(form: URLSearchParams): Answer {
    const refused = (error: string, why: string) => jsonAnswer({ error, error_description: why }, 400);
    if (form.get('grant_type') !== 'refresh_token') return refused('unsupported_grant_type', 'Unsupported grant_type');
    if (form.get('client_id') !== CLIENT_ID) return refused('invalid_client', 'Unknown client');
    if (Number.isNaN(Number(form.get('expires_in') ?? 0))) return refused('invalid_request', 'expires_in is no number');
    if (this.#stateOf('Refresh', form.get('refresh_token') ?? '') !== 'valid')
      return refused('invalid_grant', 'Invalid token');
    return jsonAnswer({
      access_token: this.#issue('Bearer'),
      refresh_token: this.#issue('Refresh'),
      expires_in: this.#lifetime,
      token_type: 'Bearer',
    });
  }

  /** @throws Refusal 401 if the header holds no access token that is valid now */
  check(authorization: string | undefined): void {
    const token = /^Bearer (\S+)$/.exec(authorization ?? '')?.[1];
    if (token === undefined) throw unauthorized('A bearer token is required.');
    const state = this.#stateOf('Bearer', token);
    if (state === 'expired') throw new Refusal(401, this.#expiredError, 'The access token has ended.');
    if (state !== 'valid') throw unauthorized('The access token is invalid.');
  }

  #issue(typ: Kind): string {
    const now = Date.now() / 1000;
    const exp = Math.floor(now + (typ === 'Bearer' ? this.#lifetime : 86_400));
    const payload = {
      exp,
      iat: Math.floor(now),
      azp: CLIENT_ID,
      iss: this.#issuer,
      typ,
      generation: this.#generation[typ],
    };
    const signed = [{ alg: 'HS256', typ: 'JWT' }, payload]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.');
    return `${signed}.${this.#sign(signed)}`;
  }

  #stateOf(typ: Kind, token: string): 'valid' | 'expired' | 'invalid' {
    const [header, payload, signature] = token.split('.');
    if (!payload || !signature || !sameText(this.#sign(`${header}.${payload}`), signature)) return 'invalid';
    // Signed by this server, so it is what #issue made.
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
    if (claims.typ !== typ) return 'invalid';
    return claims.generation === this.#generation[typ] && claims.exp > Date.now() / 1000 ? 'valid' : 'expired';
  }

  #sign(text: string): string {
    return createHmac('sha256', this.#secret).update(text).digest('base64url');
  }
}

export function sameText(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
