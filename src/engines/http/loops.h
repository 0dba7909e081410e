// SPDX-License-Identifier: Apache-2.0
// What the servers of this folder share: threads with a loop each, and an acceptor that hands every
// connection to the loop that has the fewest.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/cores.h"
#include "base/result.h"

namespace kingpost::http {

struct Loop {
  // Behind the context: connections that wait in it count themselves out when it goes.
  std::atomic<std::size_t> connections{0};
  boost::asio::io_context context{1};
  std::thread thread;
};

class Loops {
 public:
  using Accepted = std::function<void(boost::asio::ip::tcp::socket, Loop&)>;

  /// `threads` 0: as many as the machine has cores. `accepted` is called by the first loop.
  /// `busy_poll`: while there are so few connections that half of the cores are enough for a loop
  /// each, a loop whose last events came close together looks for the next for so long before it
  /// sleeps: to be woken takes a core longer than a small request. 0: never.
  Loops(int threads, std::chrono::microseconds busy_poll, Accepted accepted);
  /// Connections go with the handlers that the loops still hold.
  ~Loops();
  Loops(const Loops&) = delete;
  Loops& operator=(const Loops&) = delete;

  /// Fails with `http.cannot_listen`.
  Status listen(const std::string& address, int port);
  int port() const { return port_; }
  /// No more connections; from any thread.
  void stop_accepting();
  /// Ends the threads.
  void stop();

 private:
  void accept();
  void accept_later();
  Loop& least_busy();
  void run(Loop& loop) const;
  bool may_poll() const;

  std::chrono::microseconds busy_poll_;
  const std::size_t cores_ = whole_cores();
  Accepted accepted_;
  std::vector<std::unique_ptr<Loop>> loops_;
  std::optional<boost::asio::ip::tcp::acceptor> acceptor_;
  std::optional<boost::asio::steady_timer> pause_;
  int port_ = 0;
};

/// For what is done as well as it goes.
inline void ignore(const boost::system::error_code&) {}

}  // namespace kingpost::http
