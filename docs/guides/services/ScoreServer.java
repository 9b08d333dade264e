// A model in Java behind the scoring-endpoint contract, with nothing but the JDK:
//   java ScoreServer.java 9000
// It takes {"features": ["income", "age"], "rows": [[31.5, 40], [null, 51]]} and answers {"scores": [0.2, 0.7]}.
// The model here is a logistic regression; put yours into score(). A production service would use a JSON library.

import com.sun.net.httpserver.HttpServer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

public class ScoreServer {
    static final double INTERCEPT = -1.0;
    static final double[] WEIGHTS = {0.8, -0.5};

    /** The probability of default of one applicant; a missing value counts as 0. */
    static double score(double[] row) {
        double margin = INTERCEPT;
        for (int i = 0; i < WEIGHTS.length; i++) {
            margin += WEIGHTS[i] * (Double.isNaN(row[i]) ? 0.0 : row[i]);
        }
        return 1.0 / (1.0 + Math.exp(-margin));
    }

    /** The rows of a request: plain numbers and nulls, as this model takes. */
    static List<double[]> rows(String body) {
        List<double[]> found = new ArrayList<>();
        int at = body.indexOf("\"rows\"");
        int end = body.lastIndexOf(']');
        String inner = body.substring(body.indexOf('[', at) + 1, end);
        for (String part : inner.split("]")) {
            int open = part.indexOf('[');
            if (open < 0) {
                continue;
            }
            String[] texts = part.substring(open + 1).split(",");
            double[] row = new double[texts.length];
            for (int i = 0; i < texts.length; i++) {
                String text = texts[i].trim();
                row[i] = text.equals("null") ? Double.NaN : Double.parseDouble(text);
            }
            found.add(row);
        }
        return found;
    }

    public static void main(String[] args) throws Exception {
        int port = args.length > 0 ? Integer.parseInt(args[0]) : 9000;
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
        server.createContext("/v1/credit", exchange -> {
            String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
            StringBuilder scores = new StringBuilder("{\"model\": \"credit-java 1\", \"scores\": [");
            String comma = "";
            for (double[] row : rows(body)) {
                scores.append(comma).append(score(row));
                comma = ", ";
            }
            byte[] answer = scores.append("]}").toString().getBytes(StandardCharsets.UTF_8);
            exchange.getResponseHeaders().set("Content-Type", "application/json");
            exchange.sendResponseHeaders(200, answer.length);
            exchange.getResponseBody().write(answer);
            exchange.close();
        });
        server.start();
        System.out.println("scoring on port " + server.getAddress().getPort());
    }
}
