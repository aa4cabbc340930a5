// A copy of memory that C filled, with the address where it was: the pointers in it are absolute.
import { DecodeError } from "../../state/errors.ts";

const UTF16 = new TextDecoder("utf-16le");

/** Reads a copy of memory. No read goes beyond it. */
export class MemoryImage {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #base: bigint;

  /** `base` is the address of the first byte. */
  constructor(bytes: Uint8Array, base: bigint) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#base = base;
  }

  /** The length in bytes. */
  get length(): number {
    return this.#bytes.length;
  }

  /** A byte. */
  u8(offset: number): number {
    return this.#view.getUint8(offset);
  }

  /** Two bytes, little-endian like all that follow. */
  u16(offset: number): number {
    return this.#view.getUint16(offset, true);
  }

  /** A ULONG, a DWORD or an enum. */
  u32(offset: number): number {
    return this.#view.getUint32(offset, true);
  }

  /** A part of it, not copied. */
  bytes(offset: number, length: number): Uint8Array {
    return this.#bytes.subarray(offset, offset + length);
  }

  /**
   * Follows a pointer to something of this size; null for a null pointer.
   *
   * @throws {DecodeError} if it leads out of the copy
   */
  follow(offset: number, size: number, what: string): number | null {
    const pointer = this.#view.getBigUint64(offset, true);
    if (pointer === 0n) return null;
    const target = pointer - this.#base;
    if (target < 0n || target > BigInt(this.length - size)) throw new DecodeError(what, offset);
    return Number(target);
  }

  /**
   * Visits a linked list, from the pointer at `first`.
   *
   * @param next Where a record holds the pointer to the next one.
   * @throws {DecodeError} if the list has more records than there is room for
   */
  *list(first: number, next: number, size: number, what: string): Generator<number, void> {
    let record = this.follow(first, size, what);
    for (let room = this.length; record !== null; room -= size) {
      if (room < size) throw new DecodeError(what, record);
      yield record;
      record = this.follow(record + next, size, what);
    }
  }

  /**
   * The UTF-16 string that a pointer leads to; empty for a null pointer. Lone surrogates become U+FFFD.
   *
   * @throws {DecodeError} if the string does not end in the copy
   */
  wideString(offset: number, what: string): string {
    const start = this.follow(offset, 2, what);
    if (start === null) return "";
    for (let end = start; end + 2 <= this.length; end += 2) {
      if (this.u16(end) === 0) return UTF16.decode(this.bytes(start, end - start));
    }
    throw new DecodeError(what, start);
  }
}
