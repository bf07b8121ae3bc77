%% What supervision.cpp does, with OTP's own supervisor. escript-free: erl -noshell -s supervision main MODE N
-module(supervision).
-behaviour(supervisor).
-export([main/1, init/1, start_worker/2]).

init(Children) ->
    {ok, {#{strategy => one_for_one, intensity => 1000000000, period => 1}, Children}}.

child(I, Bench, Kind) ->
    #{id => I, start => {?MODULE, start_worker, [Bench, Kind]}, restart => permanent, shutdown => brutal_kill}.

start_worker(Bench, Kind) ->
    Pid = spawn_link(fun() -> born(Bench, Kind) end),
    {ok, Pid}.

born(Bench, worker) -> Bench ! {born, self()}, idle();
born(Counter, storm) ->
    case atomics:sub_get(Counter, 1, 1) of
        Left when Left >= 0 -> exit(kill);
        -16 -> persistent_term:get(bench) ! done, idle();
        _ -> idle()
    end;
born(_, idler) -> erlang:hibernate(erlang, apply, [fun idle/0, []]).

idle() -> receive stop -> ok end.

main([restart, N]) ->
    logger:set_primary_config(level, none),
    {ok, _} = supervisor:start_link(?MODULE, [child(1, self(), worker)]),
    First = receive {born, P} -> P end,
    Us = lists:sort(kill(First, int(N), [])),
    io:format("{\"p50_us\": ~.1f, \"p99_us\": ~.1f}~n",
              [lists:nth(length(Us) div 2 + 1, Us), lists:nth(length(Us) * 99 div 100 + 1, Us)]),
    halt(0);
main([storm, N]) ->
    logger:set_primary_config(level, none),
    Left = atomics:new(1, [{signed, true}]),
    atomics:put(Left, 1, int(N)),
    persistent_term:put(bench, self()),
    From = erlang:monotonic_time(microsecond),
    {ok, _} = supervisor:start_link(?MODULE, [child(I, Left, storm) || I <- lists:seq(1, 16)]),
    receive done -> ok end,
    io:format("{\"restarts_per_s\": ~w}~n", [int(N) * 1000000 div (erlang:monotonic_time(microsecond) - From)]),
    halt(0);
main([idle, N]) ->
    Before = erlang:memory(total),
    From = erlang:monotonic_time(microsecond),
    {ok, _} = supervisor:start_link(?MODULE, [child(I, self(), idler) || I <- lists:seq(1, int(N))]),
    Took = erlang:monotonic_time(microsecond) - From,
    io:format("{\"start_s\": ~.3f, \"bytes_per_agent\": ~w}~n",
              [Took / 1000000, (erlang:memory(total) - Before) div int(N)]),
    halt(0).

kill(_, 0, Us) -> Us;
kill(Pid, N, Us) ->
    From = erlang:monotonic_time(nanosecond),
    exit(Pid, kill),
    receive {born, New} -> kill(New, N - 1, [(erlang:monotonic_time(nanosecond) - From) / 1000 | Us]) end.

int(A) -> list_to_integer(atom_to_list(A)).
