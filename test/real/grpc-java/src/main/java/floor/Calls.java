package floor;

import com.google.protobuf.ByteString;
import com.google.protobuf.Message;
import inference.Inference.ModelInferRequest;
import inference.Inference.ModelInferResponse;
import inference.Inference.ModelReadyRequest;
import inference.Inference.ModelStreamInferResponse;
import inference.Inference.ModelReadyResponse;
import inference.Inference.ServerReadyRequest;
import inference.Inference.ServerReadyResponse;
import io.grpc.CallOptions;
import io.grpc.Channel;
import io.grpc.ClientInterceptors;
import io.grpc.ManagedChannel;
import io.grpc.ManagedChannelBuilder;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.MethodType;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.ProtoUtils;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.MetadataUtils;
import io.grpc.stub.StreamObserver;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/** Calls a running diegate by blocking calls, by futures and by a stream. Arguments: HOST:PORT MODEL API_KEY. */
public final class Calls {
    private static final int PARAMETERS = 512;

    private static <I extends Message, O extends Message> MethodDescriptor<I, O> method(
            String name, MethodType type, I input, O output) {
        return MethodDescriptor.<I, O>newBuilder(ProtoUtils.marshaller(input), ProtoUtils.marshaller(output))
                .setType(type)
                .setFullMethodName("inference.GRPCInferenceService/" + name)
                .build();
    }

    private static final MethodDescriptor<ServerReadyRequest, ServerReadyResponse> SERVER_READY = method(
            "ServerReady", MethodType.UNARY, ServerReadyRequest.getDefaultInstance(), ServerReadyResponse.getDefaultInstance());
    private static final MethodDescriptor<ModelReadyRequest, ModelReadyResponse> MODEL_READY = method(
            "ModelReady", MethodType.UNARY, ModelReadyRequest.getDefaultInstance(), ModelReadyResponse.getDefaultInstance());
    private static final MethodDescriptor<ModelInferRequest, ModelInferResponse> MODEL_INFER = method(
            "ModelInfer", MethodType.UNARY, ModelInferRequest.getDefaultInstance(), ModelInferResponse.getDefaultInstance());
    private static final MethodDescriptor<ModelInferRequest, ModelStreamInferResponse> MODEL_STREAM_INFER = method(
            "ModelStreamInfer",
            MethodType.BIDI_STREAMING,
            ModelInferRequest.getDefaultInstance(),
            ModelStreamInferResponse.getDefaultInstance());
    private static final CallOptions PLAIN = CallOptions.DEFAULT;

    private static <I, O> O call(Channel channel, MethodDescriptor<I, O> method, CallOptions options, I request) {
        return ClientCalls.blockingUnaryCall(channel, method, options, request);
    }

    private static void expect(boolean condition, Object what) {
        if (!condition) throw new AssertionError("not as expected: " + what);
    }

    private static ModelInferRequest request(String model, String id, float value) {
        ByteBuffer row = ByteBuffer.allocate(4 * PARAMETERS).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < PARAMETERS; i++) row.putFloat(value);
        return ModelInferRequest.newBuilder()
                .setModelName(model)
                .setId(id)
                .addInputs(
                        ModelInferRequest.InferInputTensor.newBuilder()
                                .setName("test_params")
                                .setDatatype("FP32")
                                .addShape(1)
                                .addShape(PARAMETERS))
                .addRawInputContents(ByteString.copyFrom(row.flip()))
                .build();
    }

    private static Status.Code codeOf(Runnable call) {
        try {
            call.run();
            return Status.Code.OK;
        } catch (StatusRuntimeException refused) {
            return refused.getStatus().getCode();
        }
    }

    public static void main(String[] arguments) throws Exception {
        String model = arguments[1];
        ManagedChannel channel = ManagedChannelBuilder.forTarget(arguments[0]).usePlaintext().build();
        Metadata key = new Metadata();
        key.put(Metadata.Key.of("x-api-key", Metadata.ASCII_STRING_MARSHALLER), arguments[2]);
        Channel known = ClientInterceptors.intercept(channel, MetadataUtils.newAttachHeadersInterceptor(key));

        expect(call(known, SERVER_READY, PLAIN, ServerReadyRequest.getDefaultInstance()).getReady(), "ready");
        ModelReadyRequest named = ModelReadyRequest.newBuilder().setName(model).build();
        expect(call(known, MODEL_READY, PLAIN, named).getReady(), "model ready");
        CallOptions patient = PLAIN.withDeadlineAfter(30, TimeUnit.SECONDS);
        ModelInferResponse answer = call(known, MODEL_INFER, patient, request(model, "die-1", 1));
        expect(answer.getId().equals("die-1") && answer.getOutputsCount() == 3, answer);
        expect(
                codeOf(() -> call(channel, MODEL_INFER, PLAIN, request(model, "", 1))) == Status.Code.UNAUTHENTICATED,
                "no key");
        expect(
                codeOf(() -> call(known, MODEL_INFER, PLAIN, request("nope", "", 1))) == Status.Code.NOT_FOUND,
                "no model");
        CallOptions hasty = PLAIN.withDeadlineAfter(1, TimeUnit.NANOSECONDS);
        expect(
                codeOf(() -> call(known, MODEL_INFER, hasty, request(model, "", 1))) == Status.Code.DEADLINE_EXCEEDED,
                "a deadline that has passed");

        List<Future<ModelInferResponse>> waiting = new ArrayList<>();
        for (int i = 0; i < 500; i++)
            waiting.add(ClientCalls.futureUnaryCall(known.newCall(MODEL_INFER, PLAIN), request(model, "die-" + i, 1)));
        for (int i = 0; i < 500; i++) {
            ModelInferResponse one = waiting.get(i).get(60, TimeUnit.SECONDS);
            expect(one.getId().equals("die-" + i), one);
            expect(one.getRawOutputContentsList().equals(answer.getRawOutputContentsList()), one);
        }

        int dies = 5_000;
        List<ModelStreamInferResponse> answers = new ArrayList<>();
        CompletableFuture<Void> end = new CompletableFuture<>();
        StreamObserver<ModelInferRequest> stream = ClientCalls.asyncBidiStreamingCall(
                known.newCall(MODEL_STREAM_INFER, PLAIN),
                        new StreamObserver<ModelStreamInferResponse>() {
                            @Override
                            public void onNext(ModelStreamInferResponse one) {
                                answers.add(one);
                            }

                            @Override
                            public void onError(Throwable error) {
                                end.completeExceptionally(error);
                            }

                            @Override
                            public void onCompleted() {
                                end.complete(null);
                            }
                        });
        for (int i = 0; i < dies; i++) stream.onNext(request(i == 7 ? "nope" : model, "die-" + i, 1));
        stream.onCompleted();
        end.get(60, TimeUnit.SECONDS);
        expect(answers.size() == dies, answers.size());
        for (int i = 0; i < dies; i++) {
            ModelStreamInferResponse one = answers.get(i);
            if (i == 7) expect(one.getErrorMessage().contains("no model"), one);
            else expect(one.getErrorMessage().isEmpty() && one.getInferResponse().getId().equals("die-" + i), one);
        }
        channel.shutdown().awaitTermination(10, TimeUnit.SECONDS);
        System.out.println("grpc-java: blocking calls, futures, a stream of " + dies + " dies, refusals, as expected");
    }
}
