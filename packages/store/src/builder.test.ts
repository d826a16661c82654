import { describe, expect, it } from 'vitest';
import { build, createBuilder } from './builder.js';

interface Tables {
  readonly notes_notes: { readonly id: string; readonly author: string; readonly likes: number };
}

describe('the builder', () => {
  const builder = createBuilder<Tables>();

  it('[STORE-94] makes statements that answer typed rows', () => {
    const statement = build(
      builder
        .selectFrom('notes_notes')
        .select(['id', 'likes'])
        .where('author', '=', 'ada')
        .orderBy('id')
        .limit(10),
    );
    expect([statement.sql, statement.parameters]).toEqual([
      'select "id", "likes" from "notes_notes" where "author" = $1 order by "id" limit $2',
      ['ada', 10],
    ]);
    const rows = statement.decode?.({ rows: [{ id: 'a', likes: 1 }], count: 1 });
    expect(rows?.[0]?.likes.toFixed(1)).toBe('1.0');
  });

  it('[STORE-94] runs nothing itself', async () => {
    await expect(builder.deleteFrom('notes_notes').execute()).rejects.toThrow('run by the store');
    await expect(builder.transaction().execute(() => Promise.resolve())).rejects.toThrow('run by the store');
  });
});
