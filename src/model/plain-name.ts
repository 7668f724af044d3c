// Which texts may be one name of a path: on every file system, and beside downloads under way.

/** Names that Windows keeps for devices, whatever their extension. */
const DEVICE = /^(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³]) *(\.|$)/i;
const WINDOWS = process.platform === 'win32';

/** What every file system takes for one name, in bytes of UTF-8. */
export const MAX_NAME_BYTES = 255;
/** Ends the name of a download under way; nothing else may be called so. */
export const DOWNLOAD_SUFFIX = '.download';

/** True for a name that Windows takes for a device: `con`, `NUL.txt`. */
export function isDeviceName(name: string): boolean {
  return DEVICE.test(name);
}

/** True for what no name may hold: separators, control characters, half a surrogate pair; on Windows a few more. */
export function isUnsafeCharacter(character: string, windows = WINDOWS): boolean {
  return /[/\\\p{Cc}\p{Cs}]/u.test(character) || (windows && /[<>:"|?*]/.test(character));
}

/** True if a text can be the name of a file or folder as it is, and means nothing else there. */
export function isPlainName(name: string, windows = WINDOWS): boolean {
  return (
    name !== '' &&
    !/[. ]$/.test(name) &&
    !name.toLowerCase().endsWith(DOWNLOAD_SUFFIX) &&
    !isDeviceName(name) &&
    Buffer.byteLength(name) <= MAX_NAME_BYTES &&
    ![...name].some((character) => isUnsafeCharacter(character, windows))
  );
}

/**
 * A path of an archive with `..` and `.` resolved: the official exporter takes them in names as they are.
 * @returns undefined for one that is absolute, leads out of the folder it is put below, or that no system takes
 */
export function normalRelativePath(path: string): string | undefined {
  if (/^[/\\]|^[a-z]:|[\\\0]/i.test(path)) return undefined;
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..' && parts.pop() === undefined) return undefined;
    if (part !== '..' && part !== '.' && part !== '') parts.push(part);
  }
  return parts.length === 0 ? undefined : parts.join('/');
}
