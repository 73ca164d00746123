import { after, test } from "node:test";
import { launch, newPage } from "/work/main/tests/browser/parts/browser.mjs";
import * as demo from "/work/main/tests/browser/parts/demo.mjs";
import { freshData, startRelay } from "/work/main/tests/browser/parts/relay.mjs";
const browser = await launch({ after });
test("quick", {concurrency:true}, async (t)=>{ await Promise.all(["rtc","rtc-direct"].map(async way=>{
    const relay = await startRelay(t, { data: await freshData(t) });
    const page = await newPage(t, browser);
    await demo.openOnline(page, `${relay.origin}/?way=${way}`);
    await relay.end("SIGKILL");
    await startRelay(t, { data: relay.data, listen: `127.0.0.1:${relay.port}` });
    const t0=Date.now();
    page.setDefaultTimeout(60000);
    await demo.state(page,"offline","connecting"); console.log(way,"noticed after", Date.now()-t0);
    await demo.state(page,"online"); console.log(way,"back after", Date.now()-t0);
}))});
