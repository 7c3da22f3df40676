// Brings a shop from its tax number to a registered cash register. It can be run again: it goes on with what is there.
import { ClientType, FfdVersion, isReason, KktState, Partner, PartnerError, TaxSystem } from "@litebox/partner";

const { ADDR = "", TOKEN = "", DEVICE_ID = "" } = process.env;

await using partner = new Partner({
  address: ADDR,
  token: TOKEN,
  plaintext: true, // the demo listens on loopback, without TLS
  allowTokenInPlaintext: true,
});

try {
  // Who is the shop?
  const taxpayer = await partner.clients.lookupTaxpayer("7700000070");
  console.log("taxpayer:", taxpayer.company);

  // A client and its account in LiteBox.
  const address = {
    postalCode: "115035",
    region: "г Москва",
    city: "г Москва",
    street: "ул Садовническая",
    house: "1",
  };
  const clientId = await partner.clients
    .register({
      clientType: ClientType.LITEBOX,
      inn: taxpayer.inn,
      address,
      phone: "911-111-1111",
      email: "readme@example.ru",
      password: "aB1!_-2026",
    })
    .then(({ client }) => client.id)
    .catch((error) => {
      if (isReason(error, "CLIENT_ALREADY_REGISTERED")) return error.metadata["client_id"]!;
      throw error;
    });
  console.log("client:", clientId);

  // A cash register for the client. The order is answered at once; the work goes on by itself.
  const { lastName, firstName, middleName } = taxpayer;
  const sale = {
    model: "АТОЛ 30Ф",
    serial: "00106100000002",
    fnSerial: "9999078902000002",
    deviceId: DEVICE_ID,
  };
  const kktId = await partner.kkts
    .quickRegister({
      clientId,
      equipment: { kind: { case: "sale", value: sale } },
      signer: { capacity: { case: "head", value: {} }, lastName, firstName, middleName, certificateId: "cert-1" },
      place: { name: "Магазин «Ромашка»", location: { case: "address", value: address } },
      taxSystems: [TaxSystem.OSN],
      ffdVersion: FfdVersion.FFD_VERSION_1_2,
      ofd: { inn: "7709364346", activationCode: "FD13MM202611" },
      fiscalizeAutomatically: true,
    })
    .then(({ kkt }) => kkt.id)
    .catch((error) => {
      if (isReason(error, "KKT_ALREADY_REGISTERED")) return error.metadata["kkt_id"]!;
      throw error;
    });

  // Follow it to the card, over lost connections and restarts of the service.
  const kkt = await partner.kkts.waitUntilRegistered(kktId, {
    onChange: ({ state, statusText }) => console.log("state:", KktState[state], statusText),
    onBlocked: ({ advice }) => console.log("blocked:", advice),
  });
  console.log("registered:", kkt.rnm, "card", kkt.card?.number);
} catch (error) {
  if (!(error instanceof PartnerError)) throw error;
  // The message is for developers, localizedMessage for the people at the shop.
  console.error(error.message, error.localizedMessage ?? "");
  process.exitCode = 1;
}
