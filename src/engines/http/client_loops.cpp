// SPDX-License-Identifier: Apache-2.0
#include "engines/http/client_loops.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/parallel.h"

namespace kingpost::http {

namespace net = boost::asio;

ClientLoops::ClientLoops(int threads) {
  const int count = threads_or_all(threads);
  for (int i = 0; i < count; ++i) {
    loops_.push_back(std::make_unique<Loop>());
    Loop& loop = *loops_.back();
    loop.thread = std::thread([&loop] {
      const auto work = net::make_work_guard(loop.context);
      loop.context.run();
    });
  }
}

ClientLoops::~ClientLoops() {
  stop();
}

void ClientLoops::stop() {
  for (const auto& loop : loops_) loop->context.stop();
  for (const auto& loop : loops_) {
    if (loop->thread.joinable()) loop->thread.join();
  }
}

void ClientLoops::after(std::chrono::milliseconds delay, std::function<void()> what) {
  auto timer = std::make_shared<net::steady_timer>(context(next()), delay);
  timer->async_wait([timer, what = std::move(what)](const boost::system::error_code& fault) {
    if (!fault) what();
  });
}

}  // namespace kingpost::http
