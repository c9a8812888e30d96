// Put the built page where Python's package takes it from, with the hash of what it was built from.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const files = ["index.html", "package-lock.json", "tsconfig.json", "vite.config.ts"];
for (const name of readdirSync("src").sort()) files.push(join("src", name));
const hash = createHash("sha256");
for (const file of files.sort()) hash.update(file.replaceAll("\\", "/")).update("\0").update(readFileSync(file)).update("\0");
const page = readFileSync(join("dist", "index.html"), "utf8").replace(
  "<!doctype html>",
  `<!doctype html>\n<!-- built from web/, sha256 ${hash.digest("hex")} -->`,
);
writeFileSync(join("..", "explore", "page.html"), page);
console.log(`explore/page.html: ${Math.round(page.length / 1024)} kB`);
