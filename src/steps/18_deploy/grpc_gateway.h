// SPDX-License-Identifier: Apache-2.0
// Takes the calls of a deployment over gRPC and asks the versions that share them.
#pragma once

#include <memory>

#include "engines/http/grpc/grpc.h"
#include "steps/18_deploy/grpc_forward.h"

namespace kingpost::steps::deploy {

/// As Gateway does for HTTP. The key is the metadata x-kingpost-key, or else the path and the
/// messages; a call is asked when its client has sent all of it, and its deadline holds for all
/// tries together. UNKNOWN, INTERNAL, UNAVAILABLE, DATA_LOSS and DEADLINE_EXCEEDED are
/// what 500 and more but for 501 are over HTTP.
///
/// A stream of ModelStreamInfer, whose key is that of its first message where it has none, keeps to
/// one version. It has one answer for each message, in order: what has none when its process is
/// lost is asked of the stable version, in the same order. The metadata x-kingpost-version of an
/// answer says which version gave it, or gave its first message.
class GrpcGateway final : public grpc::Handler {
 public:
  /// The traffic must outlive it.
  GrpcGateway(Traffic& traffic, int threads, const GrpcLimits& limits = {});

  bool is_unary(const grpc::Head& head) const override;
  void message(const std::shared_ptr<grpc::Call>& call, grpc::Message message) override;
  void half_closed(const std::shared_ptr<grpc::Call>& call) override;
  void closed(const std::shared_ptr<grpc::Call>& call) override;
  /// Lets go of every call, unanswered; nothing may be called any more.
  void stop() {
    // Its threads may be asking still.
    if (shared_.client != nullptr) shared_.client->stop();
    shared_.client.reset();
  }

 private:
  GrpcForward& forward(const std::shared_ptr<grpc::Call>& call);

  GrpcShared shared_;
};

}  // namespace kingpost::steps::deploy
