import "../dist/memory-carrier-thread.js";
