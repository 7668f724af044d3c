// Answers that refuse: HTTP status, Comet's own code and the words for it.

/** Codes that the official clients know, by what they mean. */
export const SdkError = {
  none: 0,
  unknownKey: 90212,
  noWriteAccess: 90210,
  noSuchExperiment: 90211,
  experimentExists: 90999,
  experimentKeyMissing: 90998,
  noSuchWorkspace: 90219,
  projectNameMissing: 98219,
  projectNameTooLong: 1341241,
  assetImmutable: 7000005,
  imageImmutable: 7000006,
  tooManyExperiments: 7000020,
  /** The message is shown to the user as it is. */
  custom: 7777777,
} as const;

export class Refusal extends Error {
  readonly status: number;
  readonly code: number;
  readonly headers: Record<string, string>;

  constructor(status: number, message: string, code: number = SdkError.none, headers: Record<string, string> = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.headers = headers;
  }

  /** The documented shape of refusals. */
  get body(): string {
    return JSON.stringify({ msg: this.message, code: this.status, data: null, sdk_error_code: this.code });
  }
}

/** Refuses unless a condition holds. @throws Refusal 400 */
export function demand(holds: boolean, message: string, code: number = SdkError.none): asserts holds {
  if (!holds) throw new Refusal(400, message, code);
}
