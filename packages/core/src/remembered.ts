/**
 * A function that remembers what it made for each key, as formats of `Intl` that cost some 50 µs to make. Past `max`
 * keys it forgets all and begins anew, so that it stays bounded whatever is asked.
 */
export function remembered<T>(max: number, make: (key: string) => T): (key: string) => T {
  const made = new Map<string, T>();
  return (key) => {
    const known = made.get(key);
    if (known !== undefined) return known;
    if (made.size >= max) made.clear();
    const value = make(key);
    made.set(key, value);
    return value;
  };
}
