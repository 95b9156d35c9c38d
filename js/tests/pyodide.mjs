// Runs a file in Pyodide, a browser's own Python: node pyodide.mjs FILE TEXT [FOLDER...]
// Folders are there as /0, /1 and so on. Prints what the file's function `report` returns for the text.

import { readFileSync } from "node:fs";
import { loadPyodide } from "pyodide";

const [file, text, ...folders] = process.argv.slice(2);
const python = await loadPyodide();
for (const [i, folder] of folders.entries()) python.mountNodeFS(`/${i}`, folder);
python.runPython(readFileSync(file, "utf8"));
process.stdout.write(`${python.globals.get("report")(text)}\n`);
