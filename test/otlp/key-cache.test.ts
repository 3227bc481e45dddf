import { KeyCache, MAX_CACHED_KEY_LENGTH, MAX_CACHED_KEYS } from '../../src/otlp/key-cache';

describe('KeyCache', () => {
  it('encodes a key once', () => {
    const encode = jest.fn((key: string) => key.toUpperCase());
    const cache = new KeyCache(encode);
    expect([cache.get('a'), cache.get('b'), cache.get('a')]).toEqual(['A', 'B', 'A']);
    expect(encode).toHaveBeenCalledTimes(2);
  });

  it('keeps 1,024 keys and no more', () => {
    const cache = new KeyCache((key) => key);
    for (let index = 0; index < 3 * MAX_CACHED_KEYS; index++) {
      expect(cache.get(`key${index}`)).toBe(index < 1_024 ? `key${index}` : undefined);
      expect(cache.size).toBeLessThanOrEqual(1_024);
    }
    expect(cache.get('key0')).toBe('key0');
  });

  it('keeps no key of more than 128 characters', () => {
    const cache = new KeyCache((key) => key);
    expect(cache.get('x'.repeat(MAX_CACHED_KEY_LENGTH + 1))).toBeUndefined();
    expect(cache.size).toBe(0);
    expect(cache.get('x'.repeat(128))).toBe('x'.repeat(128));
  });
});
