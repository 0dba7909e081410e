// SPDX-License-Identifier: Apache-2.0
// What the servers of this folder share beyond loops: the connections there are, TLS, and the end.
#pragma once

#include <boost/asio/post.hpp>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "base/result.h"
#include "engines/http/loops.h"
#include "engines/http/tls.h"

namespace kingpost::http {

/// A connection as its listener sees it.
class Peer {
 public:
  virtual ~Peer() = default;
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  /// From any thread, and again and again: ends it as soon as nothing is asked on it.
  virtual void wind_down() = 0;
  /// Null for one that is being destroyed.
  virtual std::shared_ptr<Peer> owned() = 0;

 protected:
  Peer() = default;
};

class Peers {
 public:
  void add(Peer* peer);
  void remove(Peer* peer);
  std::size_t count();
  /// Winds all of them down; false where some are still there after `most`.
  bool wind_down(std::chrono::milliseconds most);

 private:
  std::vector<std::shared_ptr<Peer>> owned();

  std::mutex mutex_;
  std::condition_variable gone_;
  std::set<Peer*> all_;
};

class Listener {
 public:
  struct Options {
    std::string address;
    int port = 0;
    int threads = 0;
    std::size_t most_connections = 0;
    TlsFiles tls;
    /// As ALPN names it.
    std::string protocol;
    std::chrono::microseconds busy_poll{};
  };
  /// `tls` is null where there is none. Called by a loop.
  using Accepted = std::function<void(boost::asio::ip::tcp::socket, Loop&, Tls* tls)>;

  /// `peers` are those that `accepted` makes; they must outlive it.
  Listener(Options options, Peers& peers, Accepted accepted);

  /// Fails with `http.cannot_listen` or `http.tls_unusable`.
  Status listen();
  int port() const { return loops_.port(); }
  bool drain(std::chrono::milliseconds most);
  void stop() { loops_.stop(); }

 private:
  const Options options_;
  Peers& peers_;
  std::unique_ptr<Tls> tls_;
  Loops loops_;
};

/// Makes a connection and starts it in its loop.
template <typename Connection, typename... Arguments>
void begin_connection(boost::asio::ip::tcp::socket socket, Loop& loop, Arguments&... arguments) {
  auto connection = std::make_shared<Connection>(std::move(socket), loop, arguments...);
  boost::asio::post(loop.context, [connection] { connection->start(); });
}

}  // namespace kingpost::http
