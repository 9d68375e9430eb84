#include "pki/revocation_list.h"

#include <filesystem>

#include "pki/openssl.h"
#include "tests/pki/authority_fixture.h"

namespace pki {
namespace {

using testing::HasSubstr;

constexpr int kCount = 100'000;

class RevocationListTest : public AuthorityFixture {
 protected:
  // What the CA has revoked.
  RevocationList Read() const {
    auto read = RevocationList::Read(authority_.list_path(), authority_.certificate_path());
    EXPECT_TRUE(read.ok()) << read.status();
    return *std::move(read);
  }

  static bool IsRevoked(const RevocationList& list, const std::string& certificate_pem) {
    return list.IsRevoked(CertificateId::Of(certificate_pem).value());
  }

  static void ExpectRefusal(const std::string& list_path, const std::string& authorities_path,
                            const std::string& message) {
    const auto refused = RevocationList::Read(list_path, authorities_path);
    EXPECT_TRUE(absl::IsInvalidArgument(refused.status())) << refused.status();
    EXPECT_THAT(std::string(refused.status().message()), HasSubstr(message));
  }

  // A list of the CA with serial numbers from 1 on, and an extension that is critical.
  std::string MakeList(int count, bool is_critical) const {
    const CertificatePointer ca(FromPem<&PEM_read_bio_X509>(authority_.certificate_pem()));
    const KeyPointer key(FromPem<&PEM_read_bio_PrivateKey>(Content(Path("ca/ca.key"))));
    const CrlPointer list(X509_CRL_new());
    const TimePointer now = TimeOf(1'800'000'000'000);
    X509_CRL_set_version(list.get(), X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(ca.get()));
    X509_CRL_set1_lastUpdate(list.get(), now.get());
    for (int i = 1; i <= count; ++i) {
      X509_REVOKED* const revoked = X509_REVOKED_new();
      X509_REVOKED_set_serialNumber(revoked, SerialOf(i).get());
      X509_REVOKED_set_revocationDate(revoked, now.get());
      X509_CRL_add0_revoked(list.get(), revoked);
    }
    if (is_critical) {
      const IssuingPointer point(ISSUING_DIST_POINT_new());
      point->onlyuser = 1;
      X509_CRL_add1_ext_i2d(list.get(), NID_issuing_distribution_point, point.get(), 1, 0);
    }
    EXPECT_GT(X509_CRL_sign(list.get(), key.get(), EVP_sha256()), 0);
    return PemOf<&PEM_write_bio_X509_CRL>(list.get());
  }

  // A certificate of the CA with this serial number, as far as anybody looks.
  std::string CertificateWithSerial(int number) {
    const CertificatePointer certificate(
        FromPem<&PEM_read_bio_X509>(Issue("web1").certificate_pem));
    X509_set_serialNumber(certificate.get(), SerialOf(number).get());
    i2d_re_X509_tbs(certificate.get(), nullptr);  // Else it is written as it was read.
    return PemOf<&PEM_write_bio_X509>(certificate.get());
  }

 private:
  using IntegerPointer = std::unique_ptr<ASN1_INTEGER, Freer<&ASN1_INTEGER_free>>;
  using IssuingPointer = std::unique_ptr<ISSUING_DIST_POINT, Freer<&ISSUING_DIST_POINT_free>>;

  static IntegerPointer SerialOf(int number) {
    IntegerPointer serial(ASN1_INTEGER_new());
    ASN1_INTEGER_set_int64(serial.get(), number);
    return serial;
  }
};

TEST_F(RevocationListTest, KnowsWhatItsCaHasRevoked) {
  const NewCertificate kept = Issue("web1");
  const NewCertificate lost = Issue("web2");
  EXPECT_FALSE(IsRevoked(Read(), lost.certificate_pem));
  ASSERT_TRUE(authority_.Revoke("web2").ok());
  const RevocationList list = Read();
  EXPECT_EQ(list.certificate_count(), 1u);
  EXPECT_TRUE(IsRevoked(list, lost.certificate_pem));
  EXPECT_FALSE(IsRevoked(list, kept.certificate_pem));
}

TEST_F(RevocationListTest, KnowsNothingOfWhatIsNoCertificate) {
  const std::string pem = Issue("web1").certificate_pem;
  EXPECT_TRUE(CertificateId::Of(pem));
  for (const std::string& none :
       {std::string(), std::string("rubbish"), pem.substr(0, pem.size() / 2),
        Content(authority_.list_path()), std::string(1 << 20, ' ') + pem}) {
    EXPECT_FALSE(CertificateId::Of(none));
  }
}

TEST_F(RevocationListTest, BelongsToItsCaAlone) {
  const Authority other = Make(Path("other"), {.name = "other"});
  ExpectRefusal(other.list_path(), authority_.certificate_path(),
                other.list_path() + ": is signed by no CA in " + authority_.certificate_path());
  // The same name does not make it the same CA, nor does a serial number.
  const Authority namesake = Make(Path("namesake"), {.name = "other"});
  ExpectRefusal(namesake.list_path(), other.certificate_path(), "is signed by no CA in");
  Write(Path("list"), MakeList(1, false));
  const auto read = RevocationList::Read(Path("list"), authority_.certificate_path());
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(IsRevoked(*read, CertificateWithSerial(1)));
  OpensslOutput("req -x509 -newkey ed25519 -nodes -set_serial 1 -days 2 -subj /CN=self -keyout " +
                Path("self.key") + " -out " + Path("self.pem"));
  EXPECT_FALSE(IsRevoked(*read, Content(Path("self.pem"))));
}

TEST_F(RevocationListTest, MayBeOneOfSeveralOfSeveralCas) {
  const Authority other = Make(Path("other"), {.name = "other"});
  const auto theirs = other.Issue({.subject = {.name = "web1"}});
  const NewCertificate ours = Issue("web1");
  ASSERT_TRUE(other.Revoke("web1").ok() && authority_.Revoke("web1").ok());
  Write(Path("cas"),
        "first\n" + authority_.certificate_pem() + "second\n" + other.certificate_pem());
  Write(Path("lists"), Content(other.list_path()) + Content(authority_.list_path()));
  const auto list = RevocationList::Read(Path("lists"), Path("cas"));
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_TRUE(IsRevoked(*list, ours.certificate_pem));
  EXPECT_TRUE(IsRevoked(*list, theirs->certificate_pem));
  ExpectRefusal(Path("lists"), other.certificate_path(), "is signed by no CA");
}

TEST_F(RevocationListTest, NamesTheFileThatCannotBeUsed) {
  const std::string list = Content(authority_.list_path());
  Write(Path("rubbish"), "rubbish\n");
  Write(Path("cut"), list.substr(0, list.size() / 2));
  Write(Path("second cut"), list + list.substr(0, list.size() / 2));
  const std::string& ca = authority_.certificate_path();
  ExpectRefusal(Path("rubbish"), ca, Path("rubbish") + ": there is no revocation list in it");
  ExpectRefusal(Path("cut"), ca, Path("cut") + ": a revocation list is damaged");
  ExpectRefusal(Path("second cut"), ca, Path("second cut") + ": a revocation list is damaged");
  ExpectRefusal(authority_.list_path(), Path("rubbish"),
                Path("rubbish") + ": there is no certificate in it");
  EXPECT_EQ(RevocationList::Read("/no/such", ca).status(),
            absl::NotFoundError("/no/such: No such file or directory"));
  EXPECT_EQ(RevocationList::Read(authority_.list_path(), "/no/such").status(),
            absl::NotFoundError("/no/such: No such file or directory"));
}

TEST_F(RevocationListTest, IsRefusedWhenItIsCutOffAnywhere) {
  const std::string list = Content(authority_.list_path());
  for (size_t size = 0; size < list.size() - 1; ++size) {
    const auto refused =
        RevocationList::Parse(list.substr(0, size), "list", authority_.certificate_pem(), "ca");
    EXPECT_TRUE(absl::IsInvalidArgument(refused.status())) << size;
  }
}

TEST_F(RevocationListTest, IsRefusedWhenItMeansMoreThanItSays) {
  Write(Path("list"), MakeList(1, true));
  ExpectRefusal(Path("list"), authority_.certificate_path(), "critical");
}

TEST_F(RevocationListTest, MayBeLong) {
  Write(Path("list"), MakeList(kCount, false));
  const auto list = RevocationList::Read(Path("list"), authority_.certificate_path());
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_EQ(list->certificate_count(), static_cast<size_t>(kCount));
  EXPECT_TRUE(IsRevoked(*list, CertificateWithSerial(1)));
  EXPECT_TRUE(IsRevoked(*list, CertificateWithSerial(kCount)));
  EXPECT_FALSE(IsRevoked(*list, CertificateWithSerial(kCount + 1)));
  EXPECT_FALSE(IsRevoked(*list, CertificateWithSerial(-1)));
}

}  // namespace
}  // namespace pki
