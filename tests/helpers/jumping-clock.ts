// Loaded before a program: its clock jumps by hours to and fro, as after a correction by hand; performance.now stays.

const RealDate = Date;
let calls = 0;

function now(): number {
  calls++;
  const hours = [0, 5, -7, 26, -3][Math.floor(calls / 7) % 5]!;
  return RealDate.now() + hours * 3_600_000;
}

globalThis.Date = class extends RealDate {
  constructor(...args: unknown[]) {
    if (args.length === 0) super(now());
    else super(...(args as []));
  }

  static override now(): number {
    return now();
  }
} as DateConstructor;
