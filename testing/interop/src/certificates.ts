// TLS material in the layout that QEMU's x509-dir wants, made by openssl: an authority, and server certificates of any subject.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeOwnedDirectory, removeOwnedDirectory, runProgram } from "./ownership.ts";
import { ensurePackages } from "./packages.ts";

export interface ServerCertificate {
  /** Holds ca-cert.pem, server-cert.pem and server-key.pem: `SpiceOptions.x509Directory`. */
  readonly x509Directory: string;
  /** The authority's certificate, what a client must trust. */
  readonly caFile: string;
  /** As clients and client_migrate_info want it: `O=Caraway,CN=name`. */
  readonly subject: string;
}

export interface ServerCertificateOptions {
  /** Common name. Default `localhost`. */
  readonly name?: string;
  /** Default `Caraway`. */
  readonly organization?: string;
  /** Names and addresses it is good for. Default 127.0.0.1 and localhost. */
  readonly hosts?: readonly string[];
  /** Days from now to its end; negative: it has expired. Default 2. */
  readonly days?: number;
}

function openssl(...commandArguments: string[]): Promise<string> {
  return runProgram("openssl", commandArguments);
}

/** An authority that lives as long as the test: close it at the end. */
export class CertificateAuthority implements AsyncDisposable {
  readonly caFile: string;
  readonly #directory: string;
  #count = 0;

  private constructor(directory: string) {
    this.#directory = directory;
    this.caFile = join(directory, "ca-cert.pem");
  }

  static async create(): Promise<CertificateAuthority> {
    await ensurePackages(["openssl"]);
    const authority = new CertificateAuthority(makeOwnedDirectory("x509"));
    const key = join(authority.#directory, "ca-key.pem");
    await openssl(
      ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=Caraway CA"],
      ...["-addext", "basicConstraints=critical,CA:TRUE"],
      ...["-keyout", key, "-out", authority.caFile],
    );
    return authority;
  }

  /** A server's certificate and key, in a folder of their own. */
  async makeServer(options: ServerCertificateOptions = {}): Promise<ServerCertificate> {
    const { name = "localhost", organization = "Caraway", days = 2 } = options;
    const { hosts = ["127.0.0.1", "localhost"] } = options;
    const x509Directory = join(this.#directory, `server-${this.#count++}`);
    await runProgram("mkdir", [x509Directory]);
    const file = (fileName: string) => join(x509Directory, fileName);
    const names = hosts.map((host) => `${/^[\d.]+$/.test(host) ? "IP" : "DNS"}:${host}`);
    writeFileSync(file("extensions"), `subjectAltName=${names.join(",")}\n`);
    await openssl(
      ...["req", "-newkey", "rsa:2048", "-nodes", "-subj", `/O=${organization}/CN=${name}`],
      ...["-keyout", file("server-key.pem"), "-out", file("request")],
    );
    await openssl(
      ...["x509", "-req", "-in", file("request"), "-extfile", file("extensions")],
      ...["-CA", this.caFile, "-CAkey", join(this.#directory, "ca-key.pem")],
      ...["-set_serial", `${Date.now()}${this.#count}`, "-days", `${days}`],
      ...["-out", file("server-cert.pem")],
    );
    await runProgram("cp", [this.caFile, x509Directory]);
    return {
      x509Directory,
      caFile: this.caFile,
      subject: `O=${organization},CN=${name}`,
    };
  }

  async close(): Promise<void> {
    removeOwnedDirectory(this.#directory);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
