// Keeps secrets out of what is shown: addresses lose their user info and the query of signed links.

/** An address fit for logs: without user and password, and without the values of its query. */
export function redactUrl(url: string): string {
  if (!URL.canParse(url)) return url.split('?')[0] ?? url;
  const parsed = new URL(url);
  parsed.username = '';
  parsed.password = '';
  const query = parsed.search === '' ? '' : '?…';
  parsed.search = '';
  parsed.hash = '';
  return parsed.href + query;
}
