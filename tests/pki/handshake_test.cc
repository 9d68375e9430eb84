// Certificates in use: TLS 1.3 between a collector and who calls it, in memory.

#include <openssl/ssl.h>

#include "pki/key_request.h"
#include "pki/openssl.h"
#include "tests/pki/authority_fixture.h"

namespace pki {
namespace {

using ContextPointer = std::unique_ptr<SSL_CTX, Freer<&SSL_CTX_free>>;
using SessionPointer = std::unique_ptr<SSL, Freer<&SSL_free>>;

// Of a handshake that succeeds: three flights.
constexpr int kStepsMax = 10;

class HandshakeTest : public AuthorityFixture {
 protected:
  ContextPointer MakeContext(const SSL_METHOD* method, const NewCertificate& certificate) const {
    ContextPointer context(SSL_CTX_new(method));
    SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION);
    const CertificatePointer own(FromPem<&PEM_read_bio_X509>(certificate.certificate_pem));
    const KeyPointer key(FromPem<&PEM_read_bio_PrivateKey>(certificate.key_pem));
    EXPECT_EQ(SSL_CTX_use_certificate(context.get(), own.get()), 1);
    EXPECT_EQ(SSL_CTX_use_PrivateKey(context.get(), key.get()), 1);
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    X509_STORE* const store = SSL_CTX_get_cert_store(context.get());
    for (const std::string& path : {authority_.certificate_path(), authority_.list_path()}) {
      EXPECT_EQ(X509_STORE_load_file(store, path.c_str()), 1);
    }
    X509_STORE_set_flags(store, X509_V_FLAG_X509_STRICT | X509_V_FLAG_CRL_CHECK);
    return context;
  }

  // Whether both sides take the other's certificate.
  bool Agree(const NewCertificate& server_certificate, const NewCertificate& client_certificate,
             const char* host_name) const {
    const ContextPointer server_context = MakeContext(TLS_server_method(), server_certificate);
    const ContextPointer client_context = MakeContext(TLS_client_method(), client_certificate);
    const SessionPointer server(SSL_new(server_context.get()));
    const SessionPointer client(SSL_new(client_context.get()));
    BIO* server_end = nullptr;
    BIO* client_end = nullptr;
    EXPECT_EQ(BIO_new_bio_pair(&server_end, 0, &client_end, 0), 1);
    SSL_set_bio(server.get(), server_end, server_end);
    SSL_set_bio(client.get(), client_end, client_end);
    SSL_set_accept_state(server.get());
    SSL_set_connect_state(client.get());
    EXPECT_EQ(SSL_set1_host(client.get(), host_name), 1);
    for (int i = 0; i < kStepsMax; ++i) {
      for (SSL* const side : {client.get(), server.get()}) {
        const int result = SSL_do_handshake(side);
        if (result != 1 && SSL_get_error(side, result) != SSL_ERROR_WANT_READ) return false;
      }
      if (SSL_is_init_finished(client.get()) == 1 && SSL_is_init_finished(server.get()) == 1) {
        return true;
      }
    }
    return false;
  }
};

TEST_F(HandshakeTest, SucceedsBetweenACollectorAndAHost) {
  const NewCertificate collector = Issue("collector.example", CertificateKind::kServer);
  for (const std::string& name : {std::string("web1"), std::string(255, 'x')}) {
    EXPECT_TRUE(Agree(collector, Issue(name), "collector.example")) << name;
  }
  EXPECT_FALSE(Agree(collector, Issue("web1"), "other.example"));
}

TEST_F(HandshakeTest, SucceedsWithAKeyThatItsHostHasMade) {
  const auto made = MakeKeyRequest("web1");
  ASSERT_TRUE(made.ok()) << made.status();
  absl::StatusOr<NewCertificate> web1 = authority_.Sign(made->request_pem, "web1");
  ASSERT_TRUE(web1.ok()) << web1.status();
  web1->key_pem = made->key_pem;
  EXPECT_TRUE(Agree(Issue("collector", CertificateKind::kServer), *web1, "collector"));
}

TEST_F(HandshakeTest, FailsWhenOneTakesThePlaceOfTheOther) {
  const NewCertificate collector = Issue("collector", CertificateKind::kServer);
  const NewCertificate web1 = Issue("web1");
  EXPECT_FALSE(Agree(collector, collector, "collector"));
  EXPECT_FALSE(Agree(web1, web1, "web1"));
}

TEST_F(HandshakeTest, FailsWithWhatWasRevoked) {
  const NewCertificate collector = Issue("collector", CertificateKind::kServer);
  const NewCertificate web1 = Issue("web1");
  ASSERT_TRUE(authority_.Revoke("web1").ok());
  EXPECT_FALSE(Agree(collector, web1, "collector"));
  EXPECT_TRUE(Agree(collector, Issue("web1"), "collector"));
}

TEST_F(HandshakeTest, FailsWithACertificateOfAnotherCa) {
  const NewCertificate collector = Issue("collector", CertificateKind::kServer);
  const Authority other = Make(Path("other"));
  EXPECT_FALSE(Agree(collector, *other.Issue({.subject = {.name = "web1"}}), "collector"));
}

}  // namespace
}  // namespace pki
