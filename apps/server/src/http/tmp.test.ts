import { it } from 'vitest';
import { createTestApp, FakeHub } from './testing.js';
it('x', async () => { const t = await createTestApp(new FakeHub()); const r = await t.app.inject({method:'POST',url:'/api/info',headers:{'x-api-key':'acme-key'},payload:'{}'}); console.log(r.statusCode, r.body, t.logger.lines.map(l=>[l.message,(l.fields as any).err?.stack])); });
