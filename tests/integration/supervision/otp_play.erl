%% Plays scripts against OTP's own supervisor: erl -noshell +S 1:1 -run otp_play main SCRIPTS TRACES
%%
%% SCRIPTS holds one Erlang term per script (otp_script.hpp says which); TRACES gets what happened, as text. One
%% scheduler, so that the signals of a dying process reach everyone before anyone acts on them.
-module(otp_play).
-behaviour(supervisor).
-export([main/1, init/1, start/2, start/3, log/2]).

main([In, Out]) ->
    {ok, Scripts} = file:consult(In),
    ok = logger:set_primary_config(level, error),
    ok = logger:remove_handler(default),
    ok = logger:add_handler(?MODULE, ?MODULE, #{}),
    _ = ets:new(?MODULE, [named_table, public]),
    ok = file:write_file(Out, [apart(S) || S <- Scripts]),
    halt(0).

%% The logger calls this in the supervisor's own process: whose restart was one too many.
log(#{msg := {report, #{label := {supervisor, shutdown}, report := Report}}}, _) ->
    Offender = proplists:get_value(offender, Report),
    ets:insert(?MODULE, {gave_up, proplists:get_value(id, Offender)});
log(_, _) ->
    ok.

%% In a process with a heap of its own: that of all scripts would be collected again and again.
apart(Script) ->
    Main = self(),
    Pid = spawn_link(fun() -> Main ! {played, self(), iolist_to_binary(play(Script))} end),
    receive {played, Pid, Trace} -> Trace end.

play({Seed, Flags, Specs, Fails, Ops}) ->
    ets:delete_all_objects(?MODULE),
    Runner = self(),
    Chronicle = spawn_link(fun() -> chronicle([]) end),
    ets:insert(?MODULE, {chronicle, Chronicle}),
    [fail_next(Name, N) || {fail, Name, N} <- Fails],
    Boss = spawn_link(fun() -> boss(Runner, {Flags, Specs}) end),
    receive
        {up, Boss, Sup} ->
            ets:insert(?MODULE, [{boss, Boss}, {sup, Sup}, {flags, Flags}]),
            up = settle(Sup),
            look(Sup),
            run(Sup, 1, Ops);
        {over, Boss, Reason} ->
            say(["over ", over(Reason)])
    end,
    Chronicle ! {take, self()},
    receive {taken, Lines} -> ok end,
    ["script ", integer_to_list(Seed), $\n, lists:reverse(Lines)].

init({{Strategy, Intensity, Auto}, Specs}) ->
    Flags = #{strategy => Strategy, intensity => Intensity, period => 3600, auto_shutdown => Auto},
    {ok, {Flags, [spec(Strategy, S) || S <- Specs]}}.

spec(Strategy, {Name, Restart, Shutdown, Significant, Manner}) ->
    Args = case Strategy of simple_one_for_one -> [Manner]; _ -> [Manner, Name] end,
    #{id => Name, start => {?MODULE, start, Args}, restart => Restart, shutdown => Shutdown,
      significant => Significant}.

%% The supervisor's parent: only its exit signal is a shutdown.
boss(Runner, Args) ->
    process_flag(trap_exit, true),
    case supervisor:start_link(?MODULE, Args) of
        {ok, Sup} ->
            Runner ! {up, self(), Sup},
            boss_waits(Runner, Sup);
        {error, Reason} ->
            Runner ! {over, self(), {not_up, Reason}}
    end.

boss_waits(Runner, Sup) ->
    receive
        {stop, From} -> exit(Sup, shutdown), From ! stopping, boss_waits(Runner, Sup);
        {'EXIT', Sup, Reason} -> Runner ! {over, self(), Reason}
    end.

over({not_up, {shutdown, {failed_to_start_child, Name, _}}}) -> ["start_failed ", atom_to_list(Name)];
over({not_up, {start_spec, Why}}) -> refused(Why);
over(shutdown) ->
    case ets:lookup(?MODULE, gave_up) of
        [{gave_up, Name}] ->
            case simple() of
                true -> "intensity";
                false -> ["intensity ", atom_to_list(Name)]
            end;
        [] -> "shutdown"
    end;
over(Other) -> io_lib:format("~p", [Other]).

%% --- children

start(Manner, Name, _) -> start(Manner, Name).

start(Manner, Name) ->
    case ets:lookup(?MODULE, {fail, Name}) of
        [{Key, N}] when N > 0 ->
            ets:insert(?MODULE, {Key, N - 1}),
            say(["start ", atom_to_list(Name), " failed"]),
            between(Name),
            {error, boom};
        _ ->
            say(["start ", atom_to_list(Name)]),
            Sup = self(),
            Pid = spawn_link(fun() -> child(Sup, Manner) end),
            receive {ready, Pid} -> ok end,
            value(chronicle) ! {watch, self(), Name, Pid},
            receive {watched, Pid} -> ok end,
            ets:insert(?MODULE, [{{pid, Name}, Pid}, {{name, Pid}, Name}]),
            {ok, Pid}
    end.

child(Sup, Manner) ->
    process_flag(trap_exit, Manner =/= obeys),
    Sup ! {ready, self()},
    child_waits(Manner).

child_waits(Manner) ->
    receive
        {die, Reason} -> exit(Reason);
        {'EXIT', _, _} when Manner =:= ignores -> child_waits(Manner);
        {'EXIT', _, _} when Manner =:= fails -> exit(boom)
    end.

%% Puts the order into the supervisor's mailbox before its next attempt to start the child.
between(Name) ->
    case ets:take(?MODULE, {between, Name}) of
        [{_, Runner, Op}] ->
            Sup = self(),
            Before = queued(),
            spawn(fun() -> Runner ! {between_done, perform(Sup, Op)} end),
            wait_for_mail(Before);
        [] ->
            ok
    end.

queued() ->
    {message_queue_len, N} = process_info(self(), message_queue_len),
    N.

wait_for_mail(Before) ->
    case queued() > Before of
        true -> ok;
        false -> erlang:yield(), wait_for_mail(Before)
    end.

%% --- the script

run(Sup, _, []) ->
    perform(Sup, stop),
    ended();
run(Sup, I, [Op | Rest]) ->
    say(["op ", integer_to_list(I)]),
    Result = do(Sup, Op),
    Now = settle(Sup),
    say_result(Result),
    case Now of
        up -> look(Sup), run(Sup, I + 1, Rest);
        over -> ended()
    end.

ended() -> receive {over, _, Reason} -> say(["over ", over(Reason)]) end.

do(_, {fail, Name, N}) -> fail_next(Name, N), none;
do(_, {crash, Name, Reason}) -> crash(Name, Reason);
do(_, {between, Name, N, Op}) ->
    case alive(Name) of
        true ->
            fail_next(Name, N),
            ets:insert(?MODULE, {{between, Name}, self(), Op}),
            crash(Name, boom),
            receive {between_done, Result} -> Result after 20000 -> exit({no_attempt, Name}) end;
        false -> skipped
    end;
do(Sup, Op) -> perform(Sup, Op).

crash(Name, Reason) ->
    case alive(Name) of
        true ->
            Pid = value({pid, Name}),
            Ref = monitor(process, Pid),
            case Reason of kill -> exit(Pid, kill); _ -> Pid ! {die, Reason} end,
            receive {'DOWN', Ref, _, _, _} -> none end;
        false -> skipped
    end.

perform(Sup, {terminate, Name}) ->
    case {simple(), alive(Name)} of
        {true, true} -> supervisor:terminate_child(Sup, value({pid, Name}));
        {true, false} -> skipped;
        {false, _} -> supervisor:terminate_child(Sup, Name)
    end;
perform(Sup, {restart, Name}) -> supervisor:restart_child(Sup, Name);
perform(Sup, {delete, Name}) -> supervisor:delete_child(Sup, Name);
perform(Sup, {add, Name}) ->
    case alive(Name) of
        true -> skipped;
        false -> supervisor:start_child(Sup, [Name])
    end;
perform(Sup, {add, _, _, _, _, _} = Add) ->
    [add | Spec] = tuple_to_list(Add),
    supervisor:start_child(Sup, spec(static, list_to_tuple(Spec)));
perform(Sup, which) -> {seen, children(supervisor:which_children(Sup))};
perform(_, stop) ->
    value(boss) ! {stop, self()},
    receive stopping -> none end.

say_result(none) -> ok;
say_result({seen, Line}) -> say(["= ", Line]);
say_result(R) -> say(["= ", result(R)]).

result(ok) -> "ok";
result(skipped) -> "skipped";
result({ok, _}) -> "ok";
result({error, {already_started, _}}) -> "already_started";
result({error, {boom, _}}) -> "failed";
result({error, boom}) -> "failed";
result({error, simple_one_for_one}) -> "refused";
result({error, {bad_combination, _} = Why}) -> refused(Why);
result({error, Why}) when is_atom(Why) -> atom_to_list(Why).

%% Which of the two keys that do not go with `significant` OTP names.
refused({bad_combination, Pairs}) -> ["refused", [[" ", atom_to_list(V)] || {K, V} <- Pairs, K =/= significant]].

%% Waits until the supervisor did all that follows from the last step.
settle(Sup) ->
    try supervisor:which_children(Sup) of
        Children ->
            case lists:keymember(restarting, 2, Children) of
                true -> settle(Sup);
                false -> up
            end
    catch
        exit:_ -> over
    end.

look(Sup) ->
    Counts = [[" ", integer_to_list(proplists:get_value(Key, supervisor:count_children(Sup)))]
              || Key <- [specs, active, supervisors, workers]],
    say([children(supervisor:which_children(Sup)), " count", Counts]).

children(Children) ->
    Lines = [[" ", atom_to_list(name(Id, Pid)), "=", state(Pid)] || {Id, Pid, _, _} <- Children],
    Ordered = case simple() of true -> lists:sort(Lines); false -> lists:reverse(Lines) end,
    ["children", Ordered].

name(undefined, Pid) when is_pid(Pid) -> value({name, Pid});
name(Id, _) -> Id.

state(Pid) when is_pid(Pid) -> "up";
state(restarting) -> "restarting";
state(undefined) -> "down".

%% --- small things

fail_next(Name, N) -> ets:insert(?MODULE, {{fail, Name}, N}).

value(Key) -> [{Key, Value}] = ets:lookup(?MODULE, Key), Value.

simple() -> element(1, value(flags)) =:= simple_one_for_one.

alive(Name) ->
    case ets:lookup(?MODULE, {pid, Name}) of
        [{_, Pid}] -> is_process_alive(Pid);
        [] -> false
    end.

say(Line) -> value(chronicle) ! {say, Line}, ok.

%% Everyone's notes in one order; also sees the lives end.
chronicle(Lines) ->
    receive
        {say, Line} -> chronicle([[Line, $\n] | Lines]);
        {watch, From, Name, Pid} ->
            Ref = monitor(process, Pid),
            put(Ref, Name),
            From ! {watched, Pid},
            chronicle(Lines);
        {'DOWN', Ref, _, _, Reason} ->
            chronicle([["end ", atom_to_list(erase(Ref)), " ", reason(Reason), $\n] | Lines]);
        {take, From} -> From ! {taken, Lines}
    end.

reason(normal) -> "normal";
reason(shutdown) -> "shutdown";
reason({shutdown, _}) -> "shutdown";
reason(killed) -> "killed";
reason(_) -> "error".
