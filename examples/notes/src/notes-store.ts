/** A note of a tenant. */
export interface Note {
  readonly id: string;
  readonly text: string;
  /** ISO 8601. */
  readonly updatedAt: string;
}

/** Notes in memory, by tenant. An example: they are gone after a restart. */
export interface NotesStore {
  /** The notes of a tenant that contain a text, all for `""`, oldest first. */
  search(tenant: string, text: string): readonly Note[];
  get(tenant: string, id: string): Note | undefined;
  /** `undefined` where the tenant has as many notes as one may have. */
  create(tenant: string, text: string): Note | undefined;
  /** `undefined` where there is no such note. */
  update(tenant: string, id: string, text: string): Note | undefined;
  delete(tenant: string, id: string): boolean;
}

/** The most notes that one tenant may have. */
export const MAX_NOTES = 1_000;
const MAX_TENANTS = 10_000;
const WELCOME = ["Call the printer about the brochure", "会議の議事録を共有する"];

/** @param nowMs Unix milliseconds now */
export function createNotesStore(nowMs: () => number): NotesStore {
  const tenants = new Map<string, Map<string, Note>>();
  let lastId = 0;

  const put = (notes: Map<string, Note>, id: string, text: string): Note => {
    const note = { id, text, updatedAt: new Date(nowMs()).toISOString() };
    notes.set(id, note);
    return note;
  };

  /** Every tenant begins with two notes, so that there is something to list and to export. */
  const notesOf = (tenant: string): Map<string, Note> => {
    const known = tenants.get(tenant);
    if (known !== undefined) return known;
    const notes = new Map<string, Note>();
    for (const [index, text] of WELCOME.entries()) put(notes, `welcome-${index + 1}`, text);
    tenants.set(tenant, notes);
    const [oldest] = tenants.keys();
    if (tenants.size > MAX_TENANTS && oldest !== undefined) tenants.delete(oldest);
    return notes;
  };

  return {
    search: (tenant, text) => {
      const wanted = text.toLowerCase();
      return [...notesOf(tenant).values()].filter((note) => note.text.toLowerCase().includes(wanted));
    },
    get: (tenant, id) => notesOf(tenant).get(id),
    create: (tenant, text) => {
      const notes = notesOf(tenant);
      if (notes.size >= MAX_NOTES) return undefined;
      lastId += 1;
      return put(notes, String(lastId), text);
    },
    update: (tenant, id, text) => {
      const notes = notesOf(tenant);
      return notes.has(id) ? put(notes, id, text) : undefined;
    },
    delete: (tenant, id) => notesOf(tenant).delete(id),
  };
}
