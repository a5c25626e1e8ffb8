// SPDX-License-Identifier: GPL-2.0-only
// Leak or not: a seeded zoo of series, healthy ones and leaks, each judged at every tick.
#include "diagnose/growth.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <iostream>
#include <random>
#include <string>

using namespace sockeye;

namespace {

constexpr std::uint64_t kTick = 1'000'000'000;
constexpr std::uint64_t kWindow = 300 * kTick;

using Curve = std::function<double(double second)>;

Series series_of(const Curve& curve, int seconds) {
    Series series;
    for (int second = 0; second <= seconds; ++second)
        series.add(kTick * static_cast<std::uint64_t>(second + 1), std::floor(curve(second)), kWindow);
    return series;
}

struct Verdict {
    int first_steady_s = -1;  // −1: never
    bool steady_at_end = false;
};

// Believed as a finding would be: after half a minute of it.
Verdict judge(const Curve& curve, int seconds) {
    Series series;
    Verdict verdict;
    for (int second = 0; second <= seconds; ++second) {
        series.add(kTick * static_cast<std::uint64_t>(second + 1), std::floor(curve(second)), kWindow);
        const Growth growth = judge_growth(series);
        verdict.steady_at_end = growth.shape == Shape::steady && growth.seconds >= 30;
        if (verdict.steady_at_end && verdict.first_steady_s < 0) verdict.first_steady_s = second;
    }
    return verdict;
}

}  // namespace

TEST_CASE("a steady leak's time to the limit is right within a tenth from five seconds on", "[growth]") {
    for (const double rate : {2.0, 10.0, 100.0}) {
        const double limit = 20 + rate * 100;
        for (int second = 5; second < 90; ++second) {
            const Series series = series_of([&](double t) { return 20 + rate * t; }, second);
            const std::optional<double> left = time_to(judge_growth(series), std::floor(20 + rate * second), limit);
            CAPTURE(rate, second);
            REQUIRE(left.has_value());
            CHECK(*left == Approx(100.0 - second).epsilon(0.1).margin(0.6));
        }
    }
}

TEST_CASE("noise on a leak does not move its slope by a tenth", "[growth]") {
    std::mt19937 random(7);
    std::uniform_real_distribution<double> noise(-1, 1);
    const Series series = series_of([&](double t) { return 50 + 5 * t + 2 * noise(random); }, 60);
    const Growth growth = judge_growth(series);
    CHECK(growth.shape == Shape::steady);
    CHECK(growth.per_s == Approx(5.0).epsilon(0.1));
}

TEST_CASE("shapes are told apart", "[growth]") {
    CHECK(judge_growth(series_of([](double) { return 40; }, 3)).shape == Shape::unknown);
    CHECK(judge_growth(series_of([](double t) { return 100 + std::fmod(t * 7, 60); }, 60)).shape == Shape::swinging);
    CHECK(judge_growth(series_of([](double t) { return 500 * (1 - std::exp(-t / 8)); }, 60)).shape == Shape::levelling);
    CHECK(judge_growth(series_of([](double t) { return 10 + 16 * std::floor(t / 15); }, 62)).shape == Shape::stepping);
    CHECK(judge_growth(series_of([](double t) { return 10 + 3 * t; }, 60)).shape == Shape::steady);
    // It rested for a minute before it began.
    CHECK(judge_growth(series_of([](double t) { return t < 60 ? 10 : 10 + 3 * (t - 60); }, 90)).shape ==
          Shape::steady);
}

TEST_CASE("what is not steady has no time to a limit", "[growth]") {
    CHECK_FALSE(time_to(judge_growth(series_of([](double) { return 1000; }, 60)), 1000, 1024).has_value());
    CHECK(time_to(judge_growth(series_of([](double t) { return 10 * t; }, 60)), 600, 500) == 0.0);
}

TEST_CASE("a series is bounded, and keeps its newest point and its whole window", "[growth]") {
    Series series;
    for (std::uint64_t tick = 1; tick <= 10'000; ++tick) series.add(tick * kTick / 10, static_cast<double>(tick), kWindow);
    CHECK(series.points().size() <= Series::kMostPoints);
    CHECK(series.points().back().value == 10'000);
    CHECK(series.points().front().ktime_ns <= 1000 * kTick - kWindow * 9 / 10);
    CHECK(series.points().front().ktime_ns >= 1000 * kTick - kWindow);
}

TEST_CASE("a zoo of leaks and of healthy processes: all leaks are found, nobody else is accused", "[growth]") {
    std::mt19937 random(20261123);
    const auto between = [&](double low, double high) {
        return std::uniform_real_distribution<double>(low, high)(random);
    };
    struct Animal {
        std::string species;
        Curve curve;
        bool leaks;
        int seconds;
    };
    std::vector<Animal> zoo;
    for (const double rate : {0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0}) {
        const double start = between(10, 200);
        // A slow leak takes longer to be one.
        const int seconds = rate < 1 ? 280 : 90;
        zoo.push_back({"leak", [=](double t) { return start + rate * t; }, true, seconds});
        zoo.push_back({"leak under work", [=](double t) { return start + rate * t + std::fmod(t * 13, 2); }, true, seconds});
        zoo.push_back({"leak that begins late",
                       [=](double t) { return start + (t < 20 ? 0 : rate * (t - 20)); }, true, seconds + 20});
    }
    for (int nth = 0; nth < 8; ++nth) {
        const double base = between(20, 300), height = between(20, 200), period = between(4, 25);
        zoo.push_back({"saw-tooth", [=](double t) { return base + height * std::fmod(t, period) / period; }, false, 280});
        const double tau = between(2, 9);
        zoo.push_back({"warm-up", [=](double t) { return base + height * (1 - std::exp(-t / tau)); }, false, 280});
        const double each = between(8, 24), step = between(4, 32), most = between(2, 6);
        zoo.push_back({"pool in steps",
                       [=](double t) { return base + std::floor(step) * std::min(std::floor(t / each), std::floor(most)); },
                       false, 280});
        const double every = between(7, 30), burst = between(10, 100);
        zoo.push_back({"bursts", [=](double t) { return base + (std::fmod(t, every) < 2 ? burst : 0); }, false, 280});
        const double phase = between(0, 6);
        zoo.push_back({"day and night", [=](double t) { return base + height * std::sin(t / 9 + phase); }, false, 280});
    }
    int found = 0, leaks = 0, accused = 0, healthy = 0;
    std::cout << "growth zoo: species, leaks, judged steady, after s\n";
    for (const Animal& animal : zoo) {
        const Verdict verdict = judge(animal.curve, animal.seconds);
        leaks += animal.leaks ? 1 : 0;
        healthy += animal.leaks ? 0 : 1;
        found += animal.leaks && verdict.steady_at_end ? 1 : 0;
        accused += !animal.leaks && verdict.first_steady_s >= 0 ? 1 : 0;
        std::cout << "  " << animal.species << ", " << (animal.leaks ? "yes" : "no") << ", "
                  << (verdict.first_steady_s >= 0 ? "yes" : "no") << ", " << verdict.first_steady_s << '\n';
    }
    std::cout << "growth zoo: recall " << found << " of " << leaks << ", accused " << accused << " of " << healthy
              << " healthy\n";
    CHECK(found == leaks);
    CHECK(accused == 0);
}
