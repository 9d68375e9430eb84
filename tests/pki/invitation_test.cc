#include "pki/invitation.h"

#include "pki/key_request.h"
#include "pki/secret_file.h"
#include "tests/pki/authority_fixture.h"

namespace pki {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

class InvitationTest : public AuthorityFixture {
 protected:
  Invitation Invite(const std::string& name, seconds lifetime = hours(1)) const {
    const absl::StatusOr<std::string> text = authority_.Invite(name, lifetime);
    EXPECT_TRUE(text.ok()) << text.status();
    absl::StatusOr<Invitation> parsed = ParseInvitation(*text);
    EXPECT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(FormatInvitation(*parsed), *text);
    return *std::move(parsed);
  }

  static std::string RequestOf(const std::string& name) {
    const absl::StatusOr<KeyRequest> made = MakeKeyRequest(name);
    EXPECT_TRUE(made.ok()) << made.status();
    return made->request_pem;
  }

  // What a server of this CA shows.
  std::string Chain(const CertificateOrder& order) {
    return Issue(order).certificate_pem + authority_.certificate_pem();
  }
};

TEST_F(InvitationTest, IsGoodForOneCertificateOfItsName) {
  const Invitation invitation = Invite("web1");
  // What the request says does not count.
  const auto redeemed = authority_.Redeem(DigestOf(invitation.secret), RequestOf("other"));
  ASSERT_TRUE(redeemed.ok()) << redeemed.status();
  EXPECT_EQ(redeemed->entry.name, "web1");
  EXPECT_TRUE(Verify(*redeemed, "-purpose sslclient").succeeded);
  EXPECT_THAT(*authority_.List(), ElementsAre(redeemed->entry));
  EXPECT_TRUE(absl::IsPermissionDenied(
      authority_.Redeem(DigestOf(invitation.secret), RequestOf("web1")).status()));
}

TEST_F(InvitationTest, IsNotUsedUpByABadRequest) {
  const Invitation invitation = Invite("web1");
  EXPECT_TRUE(
      absl::IsInvalidArgument(authority_.Redeem(DigestOf(invitation.secret), "rubbish").status()));
  EXPECT_TRUE(authority_.Redeem(DigestOf(invitation.secret), RequestOf("web1")).ok());
}

TEST_F(InvitationTest, EndsWithItsTimeAndWithTheNextOfTheName) {
  const Invitation over = Invite("web1", seconds(-2));
  EXPECT_TRUE(absl::IsPermissionDenied(
      authority_.Redeem(DigestOf(over.secret), RequestOf("web1")).status()));
  const Invitation first = Invite("web1");
  const Invitation second = Invite("web1");
  EXPECT_TRUE(absl::IsPermissionDenied(
      authority_.Redeem(DigestOf(first.secret), RequestOf("web1")).status()));
  EXPECT_TRUE(authority_.Redeem(DigestOf(second.secret), RequestOf("web1")).ok());
  EXPECT_TRUE(absl::IsPermissionDenied(authority_.Redeem("", RequestOf("web1")).status()));
}

TEST_F(InvitationTest, IsTakenBackWithItsName) {
  const Invitation invited = Invite("web1");
  const auto nothing = authority_.Revoke("web1");
  ASSERT_TRUE(nothing.ok()) << nothing.status();
  EXPECT_TRUE(nothing->empty());
  EXPECT_TRUE(absl::IsPermissionDenied(
      authority_.Redeem(DigestOf(invited.secret), RequestOf("web1")).status()));
  EXPECT_TRUE(absl::IsNotFound(authority_.Revoke("web1").status()));

  const Invitation again = Invite("web2");
  const NewCertificate issued = Issue("web2");
  const auto revoked = authority_.Revoke("web2");
  ASSERT_TRUE(revoked.ok()) << revoked.status();
  EXPECT_EQ(revoked->size(), 1u);
  EXPECT_TRUE(absl::IsPermissionDenied(
      authority_.Redeem(DigestOf(again.secret), RequestOf("web2")).status()));
}

TEST_F(InvitationTest, KnowsTheServerOfItsCa) {
  const Invitation invitation = Invite("web1");
  const std::string chain = Chain({.subject = {.name = "collector.example",
                                               .dns_names = {"localhost"},
                                               .ip_addresses = {"192.0.2.1"}},
                                   .kind = CertificateKind::kServer});
  for (const char* const name : {"collector.example", "localhost", "192.0.2.1"}) {
    const auto checked = CheckInvitingServer(invitation, chain, name);
    ASSERT_TRUE(checked.ok()) << checked.status();
    EXPECT_EQ(*checked, authority_.certificate_pem());
  }
  const auto wrong = CheckInvitingServer(invitation, chain, "other.example");
  EXPECT_TRUE(absl::IsUnauthenticated(wrong.status()));
  EXPECT_THAT(std::string(wrong.status().message()), HasSubstr("other.example"));
}

TEST_F(InvitationTest, TakesNoOtherServer) {
  const Invitation invitation = Invite("web1");
  const Authority other = Make(Path("other"));
  const auto theirs =
      other.Issue({.subject = {.name = "collector.example"}, .kind = CertificateKind::kServer});
  ASSERT_TRUE(theirs.ok());
  const std::string client = Issue("web2").certificate_pem + authority_.certificate_pem();
  for (const std::string& chain :
       {theirs->certificate_pem + other.certificate_pem(),
        // With our CA beside it, which has not signed it.
        theirs->certificate_pem + authority_.certificate_pem(),
        // A host that plays the collector.
        client, authority_.certificate_pem(), std::string(), std::string("rubbish")}) {
    EXPECT_TRUE(absl::IsUnauthenticated(
        CheckInvitingServer(invitation, chain, "collector.example").status()));
    EXPECT_TRUE(absl::IsUnauthenticated(CheckInvitingServer(invitation, chain, "web2").status()));
  }
}

TEST_F(InvitationTest, IsOneWordWithADot) {
  const std::string text = FormatInvitation(Invite("web1"));
  EXPECT_EQ(text.size(), 87u);
  for (const std::string& bad :
       {std::string(), std::string("."), text.substr(1), text + "a", text.substr(0, 43),
        std::string(43, ' ') + text.substr(43), std::string(87, 'a')}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseInvitation(bad).status())) << bad;
  }
}

TEST_F(InvitationTest, IsForWhoCanHaveAName) {
  EXPECT_TRUE(absl::IsInvalidArgument(authority_.Invite("two words", hours(1)).status()));
}

}  // namespace
}  // namespace pki
