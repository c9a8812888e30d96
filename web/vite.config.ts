import { defineConfig } from "vite";
import { viteSingleFile } from "vite-plugin-singlefile";

// One file that loads nothing: scripts, styles and data are inside it.
export default defineConfig({
  plugins: [viteSingleFile()],
  build: { target: "es2022", outDir: "dist", emptyOutDir: true },
});
