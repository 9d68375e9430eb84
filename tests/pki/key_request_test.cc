#include "pki/key_request.h"

#include "tests/pki/authority_fixture.h"

namespace pki {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class KeyRequestTest : public AuthorityFixture {
 protected:
  // A request for a key that `openssl genpkey` makes, with more options of `openssl req`.
  std::string MakeRequest(const std::string& key_options, const std::string& options = "") const {
    OpensslOutput("genpkey -quiet -out " + Path("their.key") + " " + key_options);
    return OpensslOutput("req -new -subj /CN=theirs -key " + Path("their.key") + " " + options);
  }

  // kInvalidArgument, with the message behind "CA PATH: request: ".
  void ExpectRefusal(const std::string& request_pem, const std::string& message) const {
    const auto refused = authority_.Sign(request_pem, "web1");
    EXPECT_TRUE(absl::IsInvalidArgument(refused.status())) << refused.status();
    EXPECT_THAT(std::string(refused.status().message()), HasSubstr("request: " + message));
    EXPECT_THAT(*authority_.List(), IsEmpty());
  }
};

TEST_F(KeyRequestTest, IsARequestThatOpensslVerifies) {
  for (const std::string& name : {std::string("web1"), std::string(255, 'x')}) {
    const auto made = MakeKeyRequest(name);
    ASSERT_TRUE(made.ok()) << made.status();
    Write(Path("request.pem"), made->request_pem);
    Write(Path("key.pem"), made->key_pem);
    const std::string text = OpensslOutput("req -verify -noout -text -in " + Path("request.pem"));
    EXPECT_THAT(text, HasSubstr("verify OK"));
    EXPECT_THAT(text, HasSubstr("DNS:" + name + "\n"));
    EXPECT_EQ(OpensslOutput("pkey -pubout -in " + Path("key.pem")),
              OpensslOutput("req -pubkey -noout -in " + Path("request.pem")));
  }
  EXPECT_TRUE(absl::IsInvalidArgument(MakeKeyRequest("a b").status()));
}

TEST_F(KeyRequestTest, IsSignedForTheNameThatTheCaDecides) {
  const auto made = MakeKeyRequest("admin");
  ASSERT_TRUE(made.ok()) << made.status();
  const auto issued = authority_.Sign(made->request_pem, "web1");
  ASSERT_TRUE(issued.ok()) << issued.status();
  EXPECT_THAT(issued->key_pem, IsEmpty());
  EXPECT_TRUE(Verify(*issued, "-purpose sslclient").succeeded);
  EXPECT_THAT(TextOf(*issued), HasSubstr("DNS:web1\n"));
  EXPECT_THAT(TextOf(*issued), Not(HasSubstr("admin")));
  Write(Path("key.pem"), made->key_pem);
  EXPECT_EQ(OpensslOutput("pkey -pubout -in " + Path("key.pem")),
            OpensslOutput("x509 -noout -pubkey -in " + Path("shown.pem")));
  EXPECT_EQ(authority_.List()->front(), issued->entry);
}

TEST_F(KeyRequestTest, GivesNothingButItsKeyToTheCertificate) {
  Write(Path("greedy.conf"),
        "[req]\ndistinguished_name = name\nreq_extensions = wishes\n[name]\n[wishes]\n"
        "basicConstraints = critical,CA:TRUE\nkeyUsage = critical,keyCertSign,cRLSign\n"
        "extendedKeyUsage = serverAuth,clientAuth\nsubjectAltName = DNS:collector,IP:192.0.2.1\n");
  const std::string request = MakeRequest("-algorithm EC -pkeyopt ec_paramgen_curve:P-256",
                                          "-config " + Path("greedy.conf"));
  const auto issued = authority_.Sign(request, "web1");
  ASSERT_TRUE(issued.ok()) << issued.status();
  EXPECT_TRUE(Verify(*issued, "-purpose sslclient").succeeded);
  const std::string text = TextOf(*issued);
  for (const char* wish :
       {"CA:TRUE", "Certificate Sign", "Server", "collector", "192.0.2.1", "theirs"}) {
    EXPECT_THAT(text, Not(HasSubstr(wish)));
  }
}

TEST_F(KeyRequestTest, CanBringAnyKeyThatIsStrongEnough) {
  for (const char* key : {"-algorithm EC -pkeyopt ec_paramgen_curve:P-256",
                          "-algorithm EC -pkeyopt ec_paramgen_curve:P-384",
                          "-algorithm EC -pkeyopt ec_paramgen_curve:P-521",
                          "-algorithm RSA -pkeyopt rsa_keygen_bits:2048", "-algorithm ED25519"}) {
    const auto issued = authority_.Sign(MakeRequest(key), "web1");
    ASSERT_TRUE(issued.ok()) << key << issued.status();
    EXPECT_TRUE(Verify(*issued, "-purpose sslclient").succeeded) << key;
  }
}

TEST_F(KeyRequestTest, IsRefusedWithAWeakKey) {
  const struct {
    const char* key;
    const char* message;
  } cases[] = {
      {"-algorithm RSA -pkeyopt rsa_keygen_bits:1024", "its RSA key has 1024 bits"},
      {"-algorithm EC -pkeyopt ec_paramgen_curve:P-224", "its curve is none of"},
      {"-algorithm EC -pkeyopt ec_paramgen_curve:secp256k1", "its curve is none of"},
      {"-algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit",
       "its curve has no name"},
      {"-algorithm ED448", "its key is none of"},
  };
  for (const auto& [key, message] : cases) ExpectRefusal(MakeRequest(key), message);
}

TEST_F(KeyRequestTest, IsRefusedWhenItsSignatureIsNotThatOfItsKey) {
  const std::string request_path = Path("request.der");
  MakeRequest("-algorithm EC -pkeyopt ec_paramgen_curve:P-256",
              "-outform DER -out " + request_path);
  std::string request = Content(request_path);
  request[request.size() - 1] = static_cast<char>(request.back() ^ 1);  // Of the signature.
  Write(request_path, request);
  ExpectRefusal(OpensslOutput("req -inform DER -in " + request_path),
                "is not signed by the key that it is for");
}

TEST_F(KeyRequestTest, IsRefusedWhenItIsNone) {
  ExpectRefusal("", "cannot be read");
  ExpectRefusal("rubbish", "cannot be read");
  ExpectRefusal(authority_.certificate_pem(), "cannot be read");
  ExpectRefusal(std::string(16385, ' '), "longer than 16384 bytes");
  // Who is asked for a passphrase by a request waits for a terminal for ever.
  ExpectRefusal(
      "-----BEGIN CERTIFICATE REQUEST-----\nProc-Type: 4,ENCRYPTED\n"
      "DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\nAAAA\n"
      "-----END CERTIFICATE REQUEST-----\n",
      "cannot be read");
  const auto made = MakeKeyRequest("web1");
  ASSERT_TRUE(made.ok()) << made.status();
  for (size_t size = 0; size < made->request_pem.size() - 1; ++size) {
    ExpectRefusal(made->request_pem.substr(0, size), "cannot be read");
  }
  EXPECT_TRUE(absl::IsInvalidArgument(authority_.Sign(made->request_pem, "a b").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(authority_.Sign(made->request_pem, "web1", -1).status()));
}

}  // namespace
}  // namespace pki
