import type { Layout } from '../column.ts';
import { malformed, viewOf, wordsOf } from './plain.ts';

/**
 * The distinct values of a column chunk, found by open addressing on typed arrays: hashes are computed from the
 * PLAIN bytes, values are compared by their bits, and nothing is allocated per value.
 */
export type Dictionary = {
  readonly entries: number;
  /** how long `plain` is */
  readonly bytes: number;
  /**
   * Looks up the first `count` values of `data` and takes in those that are new. `out` receives their indexes.
   * False: the dictionary would pass its limit; it stands as before the call and takes no more until `clear`.
   */
  index(data: Uint8Array, bytes: number, count: number, out: Int32Array): boolean;
  /** The entries' PLAIN bytes, valid until the next call of `index` or `clear`. */
  plain(): Buffer;
  clear(): void;
};

export type DictionaryLimits = { readonly entries: number; readonly bytes: number };

/** null for booleans: a bit is never worth an index. */
export function dictionaryOf(layout: Layout, limits: DictionaryLimits): Dictionary | null {
  switch (layout.of) {
    case 'bool':
      return null;
    case 'int32':
    case 'float':
      return wordDictionary(1, index1, limits);
    case 'int64':
    case 'double':
      return wordDictionary(2, index2, limits);
    case 'fixed':
      return wordDictionary(4, index4, limits);
    case 'binary':
      return binaryDictionary(limits);
  }
}

const slotsAtFirst = 1024;

/** Which slot of the table holds which entry. */
type Slots = {
  /** entry number + 1; 0 is a free slot. At most half of them are taken */
  table: Int32Array;
  /** a hash's uppermost bits are its slot */
  shift: number;
  /** by entry, so that the table can grow */
  hashes: Int32Array;
  entries: number;
};

const freshSlots = (): Slots => ({
  table: new Int32Array(slotsAtFirst),
  shift: Math.clz32(slotsAtFirst) + 1,
  hashes: new Int32Array(slotsAtFirst / 2),
  entries: 0,
});

/** Makes the next entry, whose free slot is known. The table may be another one afterwards. */
function takeSlot(slots: Slots, slot: number, hash: number): void {
  slots.hashes[slots.entries] = hash;
  slots.table[slot] = ++slots.entries;
  if (slots.entries * 2 < slots.table.length) return;
  const size = slots.table.length * 2;
  const table = new Int32Array(size);
  const shift = slots.shift - 1;
  for (let entry = 0; entry < slots.entries; entry++) {
    let free = slots.hashes[entry]! >>> shift;
    while (table[free] !== 0) free = (free + 1) & (size - 1);
    table[free] = entry + 1;
  }
  const hashes = new Int32Array(size / 2);
  hashes.set(slots.hashes.subarray(0, slots.entries));
  slots.table = table;
  slots.shift = shift;
  slots.hashes = hashes;
}

/** Odd constants spread the bits; they are the usual ones of the golden ratio and of MurmurHash3. */
const golden = 0x9e3779b1 | 0;
const murmur1 = 0x85ebca6b | 0;
const murmur2 = 0xc2b2ae35 | 0;

// --- values of 1, 2 or 4 words -------------------------------------------------------------------------------

/** `keys` holds `entriesMax` entries at least, and grows below that. */
type WordStore = { slots: Slots; keys: Int32Array; readonly width: 1 | 2 | 4; readonly entriesMax: number };

type IndexWords = (store: WordStore, words: Int32Array, count: number, out: Int32Array) => boolean;

const freshKeys = (width: number): Int32Array => new Int32Array((slotsAtFirst / 2) * width);

function wordDictionary(width: 1 | 2 | 4, index: IndexWords, limits: DictionaryLimits): Dictionary {
  const entriesMax = Math.min(limits.entries, Math.floor(limits.bytes / (width * 4)));
  const store: WordStore = { slots: freshSlots(), keys: freshKeys(width), width, entriesMax };
  return {
    get entries() {
      return store.slots.entries;
    },
    get bytes() {
      return store.slots.entries * width * 4;
    },
    index(data, bytes, count, out) {
      const before = store.slots.entries;
      const fits = index(store, wordsOf(data, bytes), count, out);
      if (!fits) store.slots.entries = before;
      return fits;
    },
    plain: () => Buffer.from(store.keys.buffer, 0, store.slots.entries * width * 4),
    clear() {
      store.slots = freshSlots();
      store.keys = freshKeys(width);
    },
  };
}

/** Makes an entry whose words the caller then writes into `keys`. False: there is no room for it. */
function takeWords(store: WordStore, slot: number, hash: number): boolean {
  if (store.slots.entries === store.entriesMax) return false;
  takeSlot(store.slots, slot, hash);
  if (store.slots.entries * store.width > store.keys.length) {
    const larger = new Int32Array(store.keys.length * 2);
    larger.set(store.keys);
    store.keys = larger;
  }
  return true;
}

function index1(store: WordStore, words: Int32Array, count: number, out: Int32Array): boolean {
  let { table, shift } = store.slots;
  let keys = store.keys;
  for (let row = 0; row < count; row++) {
    const value = words[row]!;
    const hash = Math.imul(value, golden);
    let slot = hash >>> shift;
    let entry = table[slot]!;
    while (entry !== 0 && keys[entry - 1] !== value) {
      slot = (slot + 1) & (table.length - 1);
      entry = table[slot]!;
    }
    if (entry === 0) {
      if (!takeWords(store, slot, hash)) return false;
      ({ table, shift } = store.slots);
      keys = store.keys;
      entry = store.slots.entries;
      keys[entry - 1] = value;
    }
    out[row] = entry - 1;
  }
  return true;
}

function index2(store: WordStore, words: Int32Array, count: number, out: Int32Array): boolean {
  let { table, shift } = store.slots;
  let keys = store.keys;
  for (let row = 0; row < count; row++) {
    const low = words[row * 2]!;
    const high = words[row * 2 + 1]!;
    let hash = Math.imul(low, golden) + Math.imul(high, murmur1);
    hash = Math.imul(hash ^ (hash >>> 15), murmur2);
    let slot = hash >>> shift;
    let entry = table[slot]!;
    while (entry !== 0 && !(keys[entry * 2 - 2] === low && keys[entry * 2 - 1] === high)) {
      slot = (slot + 1) & (table.length - 1);
      entry = table[slot]!;
    }
    if (entry === 0) {
      if (!takeWords(store, slot, hash)) return false;
      ({ table, shift } = store.slots);
      keys = store.keys;
      entry = store.slots.entries;
      keys[entry * 2 - 2] = low;
      keys[entry * 2 - 1] = high;
    }
    out[row] = entry - 1;
  }
  return true;
}

function index4(store: WordStore, words: Int32Array, count: number, out: Int32Array): boolean {
  let { table, shift } = store.slots;
  let keys = store.keys;
  for (let row = 0; row < count; row++) {
    const a = words[row * 4]!;
    const b = words[row * 4 + 1]!;
    const c = words[row * 4 + 2]!;
    const d = words[row * 4 + 3]!;
    let hash = Math.imul(a, golden) + Math.imul(b, murmur1);
    hash = Math.imul(hash ^ (hash >>> 15), murmur2) + Math.imul(c, golden);
    hash = Math.imul(hash ^ (hash >>> 13), murmur1) + Math.imul(d, murmur2);
    hash = Math.imul(hash ^ (hash >>> 16), golden);
    let slot = hash >>> shift;
    let entry = table[slot]!;
    while (entry !== 0) {
      const key = (entry - 1) * 4;
      if (keys[key] === a && keys[key + 1] === b && keys[key + 2] === c && keys[key + 3] === d) break;
      slot = (slot + 1) & (table.length - 1);
      entry = table[slot]!;
    }
    if (entry === 0) {
      if (!takeWords(store, slot, hash)) return false;
      ({ table, shift } = store.slots);
      keys = store.keys;
      entry = store.slots.entries;
      keys.set([a, b, c, d], (entry - 1) * 4);
    }
    out[row] = entry - 1;
  }
  return true;
}

// --- values with a length ------------------------------------------------------------------------------------

const plainBytesAtFirst = 16 * 1024;

function binaryDictionary(limits: DictionaryLimits): Dictionary {
  let slots = freshSlots();
  let plain = Buffer.allocUnsafeSlow(plainBytesAtFirst);
  let plainView = viewOf(plain, plain.length);
  let plainEnd = 0;
  /** where the bytes of each entry begin in `plain`; their length stands in the 4 bytes before */
  let starts = new Int32Array(slotsAtFirst / 2);

  const take = (data: Uint8Array, from: number, length: number, slot: number, hash: number): boolean => {
    const needed = plainEnd + 4 + length;
    if (slots.entries === limits.entries || needed > limits.bytes) return false;
    if (needed > plain.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(plain.length * 2, needed));
      plain.copy(larger, 0, 0, plainEnd);
      plain = larger;
      plainView = viewOf(plain, plain.length);
    }
    if (slots.entries === starts.length) {
      const larger = new Int32Array(starts.length * 2);
      larger.set(starts);
      starts = larger;
    }
    starts[slots.entries] = plainEnd + 4;
    plain.set(data.subarray(from - 4, from + length), plainEnd);
    plainEnd = needed;
    takeSlot(slots, slot, hash);
    return true;
  };

  const index = (data: Uint8Array, bytes: number, count: number, out: Int32Array): boolean => {
    const view = viewOf(data, bytes);
    let { table, shift, hashes } = slots;
    let at = 0;
    for (let row = 0; row < count; row++) {
      const length = at + 4 <= bytes ? view.getUint32(at, true) : bytes;
      const from = at + 4;
      at = from + length;
      if (at > bytes) throw malformed('a value reaches beyond its vector');
      const hash = hashOf(view, from, length);
      let slot = hash >>> shift;
      let entry = table[slot]!;
      while (entry !== 0) {
        if (hashes[entry - 1] === hash && sameBytes(view, from, plainView, starts[entry - 1]!, length)) break;
        slot = (slot + 1) & (table.length - 1);
        entry = table[slot]!;
      }
      if (entry === 0) {
        if (!take(data, from, length, slot, hash)) return false;
        ({ table, shift, hashes } = slots);
        entry = slots.entries;
      }
      out[row] = entry - 1;
    }
    return true;
  };

  return {
    get entries() {
      return slots.entries;
    },
    get bytes() {
      return plainEnd;
    },
    index(data, bytes, count, out) {
      const before = slots.entries;
      const endBefore = plainEnd;
      const fits = index(data, bytes, count, out);
      if (!fits) {
        slots.entries = before;
        plainEnd = endBefore;
      }
      return fits;
    },
    plain: () => plain.subarray(0, plainEnd),
    clear() {
      slots = freshSlots();
      plain = Buffer.allocUnsafeSlow(plainBytesAtFirst);
      plainView = viewOf(plain, plain.length);
      plainEnd = 0;
      starts = new Int32Array(slotsAtFirst / 2);
    },
  };
}

/** A word at a time; the last word overlaps the one before. */
function hashOf(view: DataView, from: number, length: number): number {
  let hash = Math.imul(length, golden);
  if (length < 4) {
    for (let index = 0; index < length; index++)
      hash = Math.imul(hash ^ view.getUint8(from + index), murmur1);
  } else {
    const last = from + length - 4;
    for (let at = from; at < last; at += 4) {
      hash = Math.imul(hash ^ view.getInt32(at, true), murmur1);
      hash ^= hash >>> 15;
    }
    hash = Math.imul(hash ^ view.getInt32(last, true), murmur1);
  }
  return Math.imul(hash ^ (hash >>> 13), murmur2);
}

/** Whether the value at `from` is the entry at `start` (whose length stands before it). */
function sameBytes(view: DataView, from: number, plain: DataView, start: number, length: number): boolean {
  if (plain.getUint32(start - 4, true) !== length) return false;
  if (length < 4) {
    for (let index = 0; index < length; index++) {
      if (view.getUint8(from + index) !== plain.getUint8(start + index)) return false;
    }
    return true;
  }
  const last = length - 4;
  for (let index = 0; index < last; index += 4) {
    if (view.getInt32(from + index, true) !== plain.getInt32(start + index, true)) return false;
  }
  return view.getInt32(from + last, true) === plain.getInt32(start + last, true);
}
