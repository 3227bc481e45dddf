/**
 * The private format between the two threads: what is written here is read by the same version of this library in the same process.
 *
 * A block is a head, then values, then one text in UTF-8 that holds the strings of the block one after the other. Everything before the text is in
 * slots of 8 bytes, a slot is two words of 32 bits or one double, and a block begins at a slot.
 *
 * A value is a slot with its kind (and the id of its key, if it is an entry of a map) in the first word and a length, count or integer in the second;
 * for some kinds more slots follow. The entries of a map and the elements of an array follow their container.
 *
 * A native write or read of a string costs about the same for 10 characters and for 500. So the strings of a block are written as one, except short ones of
 * ASCII characters, for which a loop is faster: they stand in the slots after their value. The reader decodes the whole block as one string and
 * cuts all of them out of it; lengths are in UTF-16 units.
 */
export const SLOT_BYTES = 8;

// The head of every block, in words.
/** Bytes from the start of the block. */
export const TEXT_START_WORD = 0;
/** Equal to the length if all is ASCII, else more. */
export const TEXT_BYTES_WORD = 1;
/** UTF-16 units. */
export const TEXT_LENGTH_WORD = 2;
/** Bytes of the whole block, a multiple of a slot. */
export const BLOCK_BYTES_WORD = 3;
export const BLOCK_HEAD_SLOTS = 2;

// The kinds of values, in the lower bits of a slot's first word; the id of the key stands above them, 0 for none.
export const KIND_BITS = 4;
export const KIND_MASK = (1 << KIND_BITS) - 1;
export const KIND_UNDEFINED = 0;
export const KIND_NULL = 1;
export const KIND_FALSE = 2;
export const KIND_TRUE = 3;
/** The second word is the number. */
export const KIND_INT32 = 4;
/** The next slot is the number. */
export const KIND_DOUBLE = 5;
/** In the text. The second word is the length. */
export const KIND_STRING = 6;
/** The second word is the length of its decimal digits in the text. */
export const KIND_BIGINT = 7;
/** The second word is the number of bytes; they follow, filled up to a whole slot. */
export const KIND_BYTES = 8;
/** The second word is the number of elements. */
export const KIND_ARRAY = 9;
/** The second word is the number of entries. */
export const KIND_MAP = 10;
/** No value, but the key of the entry whose value follows, where it is not in the table. The second word is its length. */
export const KIND_KEY = 11;
/** ASCII. The second word is the length; the characters follow, filled up to a whole slot. */
export const KIND_SHORT_STRING = 12;
/** In UTF-16 units, but for ids. */
export const MAX_SHORT_STRING = 24;

// The head of a frame after that of its block, in words from the start of the block.
export const FLAGS_WORD = 4;
export const DROPPED_COUNT_WORD = 5;
export const SCOPE_WORD = 6;
export const RESOURCE_WORD = 7;
export const SEVERITY_TEXT_WORD = 8;
export const EVENT_NAME_WORD = 9;
export const SEVERITY_NUMBER_WORD = 10;
export const TRACE_FLAGS_WORD = 11;
/** Seconds, then nanoseconds. */
export const TIME_SLOT = 6;
export const OBSERVED_TIME_SLOT = 8;
export const FRAME_HEAD_SLOTS = 10 - BLOCK_HEAD_SLOTS;

/** The ids of trace and span are the first values. */
export const HAS_SPAN_CONTEXT = 1;
export const HAS_IS_REMOTE = 2;
export const IS_REMOTE = 4;
export const HAS_SEVERITY_NUMBER = 8;
/** The values of the definition come next, and the number is one that the writer gave it. */
export const HAS_INLINE_SCOPE = 16;
/** The same, after the scope. */
export const HAS_INLINE_RESOURCE = 32;
export const HAS_BODY = 64;

/** In a word that refers to a string: the string is in the text of the frame, and the other bits are its length. Without it: an id of the table, 0 if unset. */
export const INLINE_TEXT = 0x8000_0000;

// The table of strings and definitions begins with the number of its entries, which follow.
export const TABLE_HEAD_BYTES = SLOT_BYTES;

// The head of an entry after that of its block, in words.
export const ENTRY_KIND_WORD = 4;
export const ENTRY_RESOURCE_WORD = 5;
export const ENTRY_HEAD_SLOTS = 1;
export const ENTRY_STRING = 1;
export const ENTRY_SCOPE = 2;
export const ENTRY_RESOURCE = 3;
/** A resource with the attributes that have settled so far; the others are awaited. */
export const ENTRY_UNSETTLED_RESOURCE = 4;
