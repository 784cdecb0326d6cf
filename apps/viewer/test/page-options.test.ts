import { describe, expect, it } from "vitest";
import { readPageOptions } from "../page/page-options.ts";

const read = (address: string) => readPageOptions(new URL(address));

describe("the page's address", () => {
  it("names a server by its host and port, as plain or as encrypted as the page", () => {
    expect(read("http://page.example/?host=vm.example&port=5930").url).toBe(
      "ws://vm.example:5930/",
    );
    expect(read("https://page.example/x?port=6080&path=spice").url).toBe(
      "wss://page.example:6080/spice",
    );
  });

  it("names the gateway that it came from by a token, which its fragment may hold", () => {
    expect(read("https://gw.example/?token=a%26b")).toMatchObject({
      url: null,
      token: "a&b",
      autoconnect: true,
    });
    expect(read("https://gw.example/#token=abc").token).toBe("abc");
  });

  it("names another relay by its path and token, with the token in the query", () => {
    expect(read("https://gw.example/?path=websockify%3Fa%3D1&token=abc").url).toBe(
      "wss://gw.example/websockify?a=1&token=abc",
    );
  });

  it("takes a whole URL as it is", () => {
    expect(read("http://page.example/?url=wss://other.example/x").url).toBe(
      "wss://other.example/x",
    );
  });

  it("connects at once when it names a server, unless it says otherwise", () => {
    expect(read("http://page.example/?host=vm").autoconnect).toBe(true);
    expect(read("http://page.example/?host=vm&autoconnect=0").autoconnect).toBe(false);
    expect(read("http://page.example/").autoconnect).toBe(false);
    expect(read("http://page.example/").url).toBeNull();
  });

  it("may hide the password from servers, in its fragment", () => {
    expect(read("http://page.example/?host=vm#password=s%26t").password).toBe("s&t");
  });

  it("knows the words of noVNC", () => {
    const options = read(
      "http://page.example/?resize=remote&view_only=1&reconnect=false&quality=3",
    );
    expect(options).toMatchObject({
      scaling: "resize",
      viewOnly: true,
      reconnect: false,
      qualityLevel: 3,
    });
    expect(read("http://page.example/?resize=scale").scaling).toBe("fit");
    expect(read("http://page.example/?resize=off").scaling).toBe("none");
    expect(read("http://page.example/?quality=12").qualityLevel).toBeNull();
  });
});
