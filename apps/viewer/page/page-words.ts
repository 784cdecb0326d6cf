// The words of the page around the viewer.

export interface PageWords {
  readonly intro: string;
  readonly address: string;
  readonly more: string;
  readonly username: string;
  readonly password: string;
  readonly viewOnly: string;
  readonly connect: string;
  /** Said on a page that came over plain http, where browsers take things away. */
  readonly notSecure: string;
}

const english: PageWords = {
  intro: "A desktop in your browser, which stays with you when its VM moves.",
  address: "Address of the SPICE server’s WebSocket",
  more: "Login and options",
  username: "User name",
  password: "Password",
  viewOnly: "View only",
  connect: "Connect",
  notSecure: "This page came over plain http: what is missing",
};

const german: PageWords = {
  intro: "Ein Desktop im Browser, der bei Ihnen bleibt, wenn seine VM umzieht.",
  address: "Adresse des WebSockets des SPICE-Servers",
  more: "Anmeldung und Optionen",
  username: "Benutzername",
  password: "Passwort",
  viewOnly: "Nur ansehen",
  connect: "Verbinden",
  notSecure: "Diese Seite kam über unverschlüsseltes http: was fehlt",
};

export function pageWords(language: string): PageWords {
  return language.toLowerCase().startsWith("de") ? german : english;
}
