// The command has no library interface: see bin/caraway.js.

export {};
