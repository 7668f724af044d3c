// Keeps out of what is shown what doesn't belong there: secrets in addresses, and long or broken lines.

const MAX_SHOWN = 300;

/** An address fit for logs: without user and password, and without the values of its query. */
export function redactUrl(url: string): string {
  if (!URL.canParse(url)) return withoutUserInfo(url.split(/[?#]/)[0] ?? url);
  const parsed = new URL(url);
  parsed.username = '';
  parsed.password = '';
  const query = parsed.search === '' ? '' : '?…';
  parsed.search = '';
  parsed.hash = '';
  return parsed.href + query;
}

/** An address of any kind without user and password, in which people leave slashes and at signs as they are; paths (`///`) have none. */
export function withoutUserInfo(address: string): string {
  return address.replace(/\/\/(?!\/)[^?#]*@/, '//');
}

/** Words of another program as one line of at most 300 characters. */
export function oneLine(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > MAX_SHOWN ? `${line.slice(0, MAX_SHOWN - 1).toWellFormed()}…` : line;
}
