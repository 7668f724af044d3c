// A protobuf reader for tests: knows the wire format only, so it shares nothing with the code under test.

/** Values of a message by field number, in their order: varints as bigint, doubles and floats as number, the rest as bytes. */
export type Message = Map<number, (bigint | number | Buffer)[]>;

/** @throws Error if the bytes are no protobuf */
export function readMessage(bytes: Buffer): Message {
  const message: Message = new Map();
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes.readUInt8(at++);
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  const take = (length: number) => {
    if (at + length > bytes.length) throw new Error('the message ends within a field');
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const values = message.get(tag >> 3) ?? [];
    message.set(tag >> 3, values);
    if ((tag & 7) === 0) values.push(varint());
    else if ((tag & 7) === 1) values.push(take(8).readDoubleLE());
    else if ((tag & 7) === 2) values.push(take(Number(varint())));
    else if ((tag & 7) === 5) values.push(take(4).readFloatLE());
    else throw new Error(`wire type ${tag & 7}`);
  }
  return message;
}

export function messages(message: Message | undefined, field: number): Message[] {
  return (message?.get(field) ?? []).map((bytes) => readMessage(bytes as Buffer));
}

/** The last message of a field, as protobuf has it. */
export function message(parent: Message | undefined, field: number): Message | undefined {
  return messages(parent, field).at(-1);
}

export function text(parent: Message | undefined, field: number): string {
  return (parent?.get(field)?.at(-1) ?? '').toString();
}

/** Zero if it isn't there. */
export function number(parent: Message | undefined, field: number): number {
  return Number(parent?.get(field)?.at(-1) ?? 0);
}
