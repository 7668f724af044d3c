// Writes a run into an archive and puts it in place: `publish-child.ts <folder> <version> <rows>`.

import { writeVersion } from './versions.ts';

const [folder = '', version = '', rows = ''] = process.argv.slice(2);
await writeVersion(folder, Number(version), Number(rows));
